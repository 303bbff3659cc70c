"""Fills an empty catalogue: ITEMS items, whose pictures are 250 kB each."""
import random

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand

from catalogue.models import Item

PICTURES = 16
PICTURE_BYTES = 250_000


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser):
        parser.add_argument("items", type=int)

    def handle(self, *args, **options):
        settings.MEDIA_ROOT.mkdir(parents=True, exist_ok=True)
        for number in range(PICTURES):
            (settings.MEDIA_ROOT / f"{number}.jpg").write_bytes(
                random.Random(number).randbytes(PICTURE_BYTES))
        call_command("migrate", run_syncdb=True, verbosity=0)
        Item.objects.bulk_create(
            Item(name=f"item {n}", picture=f"{n % PICTURES}.jpg")
            for n in range(options["items"]))
