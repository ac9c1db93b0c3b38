"""WsgiDAV, with a folder of its own, and the logging that its command switches on."""

from pathlib import Path

from wsgidav.wsgidav_app import WsgiDAVApp

SHARE = Path(__file__).with_name("share")
SHARE.mkdir(exist_ok=True)

app = WsgiDAVApp(
    {
        "provider_mapping": {"/": {"root": str(SHARE)}},
        "simple_dc": {"user_mapping": {"*": {"ada": {"password": "hunter22"}}}},
        "http_authenticator": {"accept_digest": False, "default_to_digest": False},
        "logging": {"enable": True},
        "verbose": 3,
    }
)
