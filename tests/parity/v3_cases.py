"""v3 and v4 have another acoustic stage (flow matching and a vocoder), which this package does not have yet."""

from collections.abc import Iterator

from tests.parity.registry import Check, Fixture, case, skip


@case("s2_official_v[34]")
@case("v3_modules_tiny")
def acoustic_stage_of_v3(fixture: Fixture) -> Iterator[Check]:
    yield skip("all", "v3 and v4 are not supported")
