"""Whether a session of the admin is a staff member's, for a proxy that guards Flower by it."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe


@never_cache
@require_safe
def staff(request: HttpRequest) -> HttpResponse:
    """204 for staff, 403 for others and for another site's page, 401 where nobody signed in."""
    if not request.user.is_authenticated:
        return HttpResponse(status=401)
    allowed = admin.site.has_permission(request) and _is_of_this_site(request)
    return HttpResponse(status=204 if allowed else 403)


def _is_of_this_site(request: HttpRequest) -> bool:
    """Browsers name the page's origin with whatever may write; Flower itself does not look."""
    here = f"{request.scheme}://{request.get_host()}"
    return request.headers.get("Origin", here) == here
