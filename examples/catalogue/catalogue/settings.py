"""Django's settings; CATALOGUE_HOME holds the database and the pictures."""
import os
import pathlib

HOME = pathlib.Path(os.environ.get("CATALOGUE_HOME", "/tmp/catalogue"))
SECRET_KEY = os.environ.get("CATALOGUE_SECRET", "only for an example")
INSTALLED_APPS = ["catalogue"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3",
                         "NAME": HOME / "catalogue.sqlite3"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
MEDIA_ROOT = HOME / "media"
USE_TZ = True
