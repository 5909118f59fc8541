"""Where an engine is: its full name says project and location, its id alone needs both said."""

from __future__ import annotations

import re
from typing import NamedTuple

from schemas.errors import InputError

_FULL = re.compile(r"projects/(?P<project>[^/\s]+)/locations/(?P<location>[^/\s]+)/reasoningEngines/(?P<id>[^/\s]+)")
_ID = re.compile(r"[A-Za-z0-9-]+")


class PlaceUnknown(InputError):
    """It is not said which project or location is meant, or what is said is no engine's name."""

    code = "place_unknown"


class EngineLocation(NamedTuple):
    """A Google Cloud project and a location of it."""

    project: str
    location: str


def place_of(project: str | None, location: str | None, engine: str | None) -> EngineLocation:
    """Return where an engine is or shall be: its full name counts, else what is said of project and location.

    Raises:
        PlaceUnknown: One of both is not known.
    """
    named = _FULL.fullmatch(engine or "")
    if named is not None:
        return EngineLocation(named["project"], named["location"])
    for option, given, variable in (
        ("--project", project, "GOOGLE_CLOUD_PROJECT"),
        ("--location", location, "GOOGLE_CLOUD_LOCATION"),
    ):
        if not given:
            raise PlaceUnknown(f"which {option[2:]}? Give `{option}`, set {variable}, or write the engine's full name.")
    return EngineLocation(project or "", location or "")


def engine_name(place: EngineLocation, engine: str) -> str:
    """Return an engine's full name.

    Raises:
        PlaceUnknown: `engine` is neither a full name nor an id.
    """
    if _FULL.fullmatch(engine):
        return engine
    bare = engine.removeprefix("reasoningEngines/")
    if not _ID.fullmatch(bare):
        raise PlaceUnknown(
            f"`{engine}` is no engine's name: projects/PROJECT/locations/LOCATION/reasoningEngines/ID, or the ID alone."
        )
    return f"projects/{place.project}/locations/{place.location}/reasoningEngines/{bare}"
