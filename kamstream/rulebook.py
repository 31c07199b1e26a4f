"""The alerts file of an installation: read with what its settings compute, told as one clear error."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from kamstream.alerts import RuleError, Ruleset, load_rules, measures
from kamstream.errors import UserError
from kamstream.kpis import CATALOGUE
from kamstream.settings import Settings


def read_rules(
    settings: Settings,
    path: Path | None = None,
    *,
    env: Mapping[str, str] | None = None,
    check_url: Callable[[str], bool] | None = None,
) -> Ruleset:
    """The rules of `path`, else of the settings' `alerts_file`, else the packaged ones.

    Of the packaged rules those are left out that watch what the settings do not compute; in a file of one's own
    that is an error. `env` fills `${NAME}` (None: left as they are). UserError with a line for every mistake.
    """
    file = path or settings.alerts_file
    computed = measures(settings.chosen_kpis())
    try:
        if file is not None:
            return load_rules(
                file,
                kpis=computed,
                windows=settings.windows,
                env=env,
                currency=settings.reporting_currency,
                check_url=check_url,
            )
        packaged = load_rules(None, kpis=measures(CATALOGUE), currency=settings.reporting_currency)
    except RuleError as error:
        raise UserError(str(error)) from None
    windows = {"now", *settings.windows}
    fitting = tuple(rule for rule in packaged.rules if rule.kpi in computed and rule.window in windows)
    return replace(packaged, rules=fitting)
