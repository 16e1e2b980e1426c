"""Settings that are read again: what counts at once, and what is refused."""

from dataclasses import replace

import pytest

from callscribe.config.reload import SettingsInForce
from callscribe.config.settings import LogSettings, Settings
from callscribe.config.web import WebSettings
from callscribe.domain.errors import SettingsError
from telephony.settings import SipSettings, TrunkSettings

NOW = Settings(trunks=(TrunkSettings("old"),), sip=SipSettings(port=5070))


def test_trunks_count_at_once_and_other_settings_after_a_restart() -> None:
    told = replace(NOW, trunks=(TrunkSettings("new"),), sip=SipSettings(port=5080), log=LogSettings("debug"))
    found = SettingsInForce(NOW, lambda: told).again()
    assert found == replace(NOW, trunks=told.trunks)


def test_trunks_that_need_other_settings_than_those_in_force_are_refused() -> None:
    sip = SipSettings(tls_port=5061, tls_certificate="c.pem", tls_key="k.pem")
    told = Settings(trunks=(TrunkSettings("sure", tls="required"),), sip=sip)
    in_force = SettingsInForce(NOW, lambda: told)
    with pytest.raises(SettingsError, match=r"sure takes TLS only: set sip\.tls_port; or restart"):
        in_force.again()
    assert in_force.settings == NOW


def test_an_engine_that_no_recognizer_was_started_for_is_refused() -> None:
    told = replace(NOW, trunks=(TrunkSettings("chinese", engines=("sherpa",)),))
    with pytest.raises(SettingsError, match="no recogniser was started for the engine sherpa; restart"):
        SettingsInForce(NOW, lambda: told).again()


def test_a_fault_is_told_until_settings_are_taken() -> None:
    in_force = SettingsInForce(NOW, lambda: replace(NOW, web=WebSettings(port=1)))
    in_force.refuse(SettingsError("trunks: each needs a name of its own"))
    assert (in_force.fault, in_force.settings) == ("trunks: each needs a name of its own", NOW)
    in_force.take(in_force.again())
    assert in_force.fault == ""
