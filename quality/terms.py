"""Words and phrases that the rules about wants look for, in lower case."""

import re
from typing import NamedTuple

from quality.text import word_set


class Terms(NamedTuple):
    """What is looked for: `pattern` finds it, and no text without one of `words` has it."""

    words: frozenset[str]
    pattern: re.Pattern[str]


def _terms(words: str, phrases: str, telling: str, *, not_before: str = "(?!)") -> Terms:
    """Single words, and patterns of phrases with the words that tell that they may be there."""
    single = "|".join(sorted(word_set(words)))
    found = rf"(?<![\w-])(?:{phrases}|(?:{single})(?!{not_before}))(?![\w-])"
    return Terms(word_set(words) | word_set(telling), re.compile(found))


#: What everybody understands in another way. "clear" and "correct" are verbs as well, so they
#: count only before a noun that they describe.
VAGUE = _terms(
    words=(
        "accurate accurately adequate adequately appealing appropriate appropriately "
        "arbitrarily arbitrary attractive beautiful beautifully best better clearly comfortable "
        "comfortably convenient conveniently correctly decent easier easily easy effective "
        "effectively efficient efficiently effortless effortlessly elegant etc fast faster "
        "flexible flexibly friendly good great helpful intuitive intuitively maybe meaningful "
        "modern neat nice nicely optimal optimally perhaps pleasant possibly powerful "
        "pretty proper properly quick quicker quickly reasonable reasonably relevant reliable "
        "reliably responsive robust robustly seamless seamlessly sensible simple simply smooth "
        "smoothly stylish sufficient sufficiently suitable suitably timely useful various"
    ),
    phrases=(
        r"and so (?:on|forth)|and/or|as \w+ as possible|as needed|if (?:needed|possible)|"
        r"clear(?= (?:and|citation|error|instruction|message|overview|picture|understanding|way))|"
        r"correct(?= (?:and|data|format|information|manner|value|way))|high[ -]quality|"
        r"in (?:a timely manner|minutes|no time|seconds|some way)|"
        r"(?:all (?:kinds|sorts)|range|variety) of|state[ -]of[ -]the[ -]art|user-friendly|"
        r"well-?\s?(?:designed|documented|organi[sz]ed|supported)"
    ),
    telling=(
        "art clear correct kinds manner minutes needed or possible quality range seconds so "
        "sorts time variety way well"
    ),
    not_before=r" (?:before|bread|charg|food|lane|news|response|release|track|train)",
)
#: Products and protocols, which are nothing else.
NAMED = _terms(
    words=(
        "airflow angular ansible aws azure bigquery bootstrap cassandra chatgpt cobol cosmosdb "
        "couchdb databricks datadog django docker drupal dynamodb elasticsearch fastapi "
        "firebase firestore flutter graphql grafana grpc haskell heroku java "
        "javascript jenkins jquery jwt kafka keycloak kibana kotlin kubernetes laravel ldap "
        "logstash mariadb memcached mongo mongodb mqtt mysql neo4j nginx nodejs nosql oauth "
        "oauth2 php postgres postgresql prometheus pyspark rabbitmq rails react redis redux s3 "
        "saml scala selenium sftp smtp snowflake soap solr splunk sql sqlite ssh ssl svelte "
        "symfony tailwind tensorflow terraform tls typescript vue webassembly wordpress"
    ),
    phrases=(
        r"(?:json|node\.js|oracle|python|rest|spring|xml)(?= (?:api|backend|boot|checkout|client|"
        r"component|database|db|frontend|interface|library|script|server|service)s?\b)"
        r"|via (?:a |the )?(?:cli|json|rest|xml)"
    ),
    telling="cli json node oracle python rest spring xml",
)
#: Widgets and their looks and places, layers and mechanisms.
SOLUTION = _terms(
    words=(
        "accordion backend breadcrumb breadcrumbs button buttons cached caching carousel "
        "checkbox checkboxes checksum checksums combobox cronjob cronjobs css daemon dialog "
        "dialogs dropdown dropdowns endpoint endpoints enum enums frontend iframe indexed "
        "microservice microservices middleware modal popup popups scrollbar sidebar slider "
        "sliders spinner textbox toggle toolbar tooltip tooltips webhook webhooks websocket "
        "websockets widget widgets wizard"
    ),
    phrases=(
        r"(?:back|front)-end|(?<!one )(?<!single )click(?:s|ing)?|"
        r"(?:check|combo|text)[ -]box(?:es)?|radio buttons?|(?:drop|pop)-(?:down|up)s?|"
        r"(?:drop-?down|context|hamburger|navigation|side) menu|in (?:a|the) menu|"
        r"(?:a|the|new|second) tabs?(?! (?:at|of))|(?:online|web) form|command line|cron jobs?|"
        r"(?:a|the|an? \w+) cache|database ind(?:ex|ices|exes)|"
        r"(?:from|in|into|to) (?:an?|our|the) (?:\w+ )?database|message (?:broker|bus|queue)|"
        r"(?:a|job|task|the) queues?(?! (?:at|for|in|of)\b)|stored procedures?|"
        r"(?:over|through|using|via|with) (?:an? |our |the )?(?:\w+ )?apis?|"
        r"(?:blue|coloured|gr[ae]y|green|orange|red|yellow) (?:background|banner|box|font|icon|"
        r"text)|"
        r"in (?:bright |dark |light )?(?:blue|gr[ae]y|green|red|yellow)|web (?:hooks?|sockets?)|"
        r"(?:at|in|on) the (?:bottom|first|left|lower|right|same|second|third|top|upper)(?: hand)?"
        r"(?:[ -](?:left|right))?(?: side)?(?: of the)? (?:corner|menu|page|screen|tab)"
    ),
    telling=(
        "api apis background banner box boxes broker bus cache click clicking clicks corner "
        "cron database down end font form hook hooks icon index indexes indices line menu page "
        "procedure procedures queue queues radio screen socket sockets tab tabs text up ups "
        "downs blue gray green grey red yellow"
    ),
)
#: A want without any of these has neither a vague word nor a solution.
TERMS = VAGUE.words | NAMED.words | SOLUTION.words
#: The role's own account or device is no means: "my old Amazon account".
OWN = re.compile(r"\b(?:my|our|their|her|his)(?:\s\w+)?\s$")

#: What a whole product is called.
WHOLE_PRODUCTS = word_set(
    "app application ecosystem integration marketplace platform portal program programme "
    "software solution suite system webshop website"
)
COARSE_VERBS = word_set(
    "administer administrate conduct coordinate handle integrate maintain manage organise organize "
    "oversee perform prepare satisfy support"
)
#: Coarse only before "whole", "everything".
WHOLE_VERBS = word_set("cover do run")
WHOLE = re.compile(
    r"(?:all|everything|anything (?:i|we)|(?:my|our|the|her|his|their|an?) (?:complete|entire|"
    r"whole))\b"
)
