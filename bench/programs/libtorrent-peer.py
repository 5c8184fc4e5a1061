"""One libtorrent client for the bench: TCP on loopback, no encryption, nothing that looks for peers.

Arguments: default|tuned, seed|leech, torrent file, folder. `default` leaves libtorrent's own settings; `tuned` takes its
preset for fast seeds and asks for more blocks ahead. Speaks the JSON lines of harness/child.mjs. Every piece is checked against
its hash, by the seed before it starts and by the leech as it comes. Ends when stdin ends.
"""

import json
import os
import sys

import libtorrent as lt

WAIT_MS = 1000


def tell(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


def tuned_settings(role):
    return lt.high_performance_seed() if role == "seed" else {"max_out_request_queue": 2000}


def open_session(profile, role):
    settings = tuned_settings(role) if profile == "tuned" else {}
    settings.update(
        {
            "listen_interfaces": "127.0.0.1:0",
            "enable_dht": False,
            "enable_lsd": False,
            "enable_upnp": False,
            "enable_natpmp": False,
            "enable_incoming_utp": False,
            "enable_outgoing_utp": False,
            "in_enc_policy": int(lt.enc_policy.pe_disabled),
            "out_enc_policy": int(lt.enc_policy.pe_disabled),
            "allow_multiple_connections_per_ip": True,
            "alert_mask": lt.alert.category_t.status_notification | lt.alert.category_t.error_notification,
        }
    )
    return lt.session(settings)


def wait_for(session, wanted, handle):
    """Until the torrent is seeding or finished; errors end the program."""
    while True:
        for alert in [*session.pop_alerts()]:
            if isinstance(alert, (lt.torrent_error_alert, lt.file_error_alert)):
                tell("failed", text=alert.message())
        if getattr(handle.status(), wanted):
            return
        session.wait_for_alert(WAIT_MS)


def main():
    profile, role, torrent_file, folder = sys.argv[1:5]
    session = open_session(profile, role)
    torrent = {"ti": lt.torrent_info(torrent_file), "save_path": folder}
    if role == "seed":
        handle = session.add_torrent(torrent)
        wait_for(session, "is_seeding", handle)
        tell("ready", port=session.listen_port())
    else:
        tell("ready")
        order = json.loads(sys.stdin.readline() or "{}")
        if order.get("do") != "start":
            return
        handle = session.add_torrent(torrent)
        handle.connect_peer(("127.0.0.1", order["port"]))
        wait_for(session, "is_finished", handle)
        tell("complete")
    sys.stdin.read()


try:
    main()
except Exception as error:  # told to the bench, which ends us
    tell("failed", text=repr(error))
    sys.exit(1)
os._exit(0)
