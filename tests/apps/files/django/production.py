"""What a deployment adds to the settings that `startproject` has written."""

from site_of_django.settings import *  # noqa: F403

DEBUG = False
ALLOWED_HOSTS = ["apps.test"]
INSTALLED_APPS = [*INSTALLED_APPS, "rest_framework", "shop"]  # noqa: F405
ROOT_URLCONF = "shop.urls"
STATIC_ROOT = BASE_DIR / "static"  # noqa: F405
