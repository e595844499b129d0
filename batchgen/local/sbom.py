"""`python -m batchgen.local.sbom`: what production is made of, as CycloneDX JSON."""

import sys
import tomllib

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from batchgen.local.local_dir import ROOT
from batchgen.local.packages import Locked, licence, locked

#: As the lock file names what was asked for by batchgen itself.
_ITSELF = "requirements.in"


def bill() -> Bom:
    """Every package of requirements.txt with its hashes and licence, and who asked for it."""
    packages = [(package, _component(package)) for package in locked()]
    bom = Bom(components=[component for _, component in packages])
    bom.metadata.component = itself = _batchgen()
    for package, component in packages:
        for asker in package.asked_for_by:
            if asker == _ITSELF:
                bom.register_dependency(itself, [component])
            for other, parent in packages:
                if other.name == asker:
                    bom.register_dependency(parent, [component])
    return bom


def _batchgen() -> Component:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return Component(
        type=ComponentType.APPLICATION,
        name=project["name"],
        version=project["version"],
        licenses=[LicenseFactory().make_from_string("MIT")],
        bom_ref="batchgen",
    )


def _component(package: Locked) -> Component:
    words = licence(package.name)
    purl = PackageURL("pypi", name=package.name, version=package.version)
    hashes = [HashType(alg=HashAlgorithm.SHA_256, content=each) for each in package.sha256]
    files = ExternalReference(
        type=ExternalReferenceType.DISTRIBUTION,
        url=XsUri(str(purl)),
        hashes=hashes,
    )
    return Component(
        type=ComponentType.LIBRARY,
        name=package.name,
        version=package.version,
        purl=purl,
        bom_ref=str(purl),
        licenses=[LicenseFactory().make_from_string(words)] if words else [],
        external_references=[files],
    )


def main() -> int:
    """Write it to the standard output."""
    sys.stdout.write(JsonV1Dot6(bill()).output_as_string(indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
