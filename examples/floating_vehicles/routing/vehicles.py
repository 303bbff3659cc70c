"""A vehicle as the planner sees it."""


class VehicleWithdrawn(LookupError):
    """The provider took the vehicle out of service."""


class FloatingVehicle:
    """One vehicle within reach of one traveller: 160 bytes, by the request."""

    __slots__ = ("id", "provider", "kind", "fuel", "seats", "lat", "lon",
                 "heading", "price_class", "plate", "state", "city", "zone",
                 "reserved_by", "walk_minutes", "score")

    def __init__(self, row, city, zone):
        self.id = row.id
        self.provider = row.provider
        self.kind = row.kind
        self.fuel = row.fuel
        self.seats = row.seats
        self.lat = row.lat
        self.lon = row.lon
        self.heading = row.heading
        self.price_class = row.price_class
        self.plate = row.plate
        self.state = row.state
        self.city = city
        self.zone = zone
        self.reserved_by = None
        self.walk_minutes = 1 + int(50 * (abs(row.lat) + abs(row.lon)))
        self.score = row.fuel // self.walk_minutes


def load(item):
    """Looks one vehicle up."""
    row, city, zone = item
    if row.state == "withdrawn":
        raise VehicleWithdrawn(row.id)
    return FloatingVehicle(row, city, zone)
