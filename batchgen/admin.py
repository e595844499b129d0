"""The admin's sign-in form, and models that it does not show."""

from django.contrib import admin
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken

from batchgen.accounts.login_throttle import AdminSignInForm

admin.site.login_form = AdminSignInForm
# The library shows whole tokens.
admin.site.unregister([BlacklistedToken, OutstandingToken])
