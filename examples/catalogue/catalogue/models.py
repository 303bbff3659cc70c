from io import BytesIO

from django.conf import settings
from django.db import models


class Item(models.Model):
    name = models.CharField(max_length=100)
    picture = models.CharField(max_length=200)

    @property
    def picture_file(self):
        """The picture, read once: templates ask for it several times."""
        if "_picture_file" not in self.__dict__:
            path = settings.MEDIA_ROOT / self.picture
            self._picture_file = BytesIO(path.read_bytes())
        self._picture_file.seek(0)
        return self._picture_file
