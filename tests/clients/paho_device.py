#!/usr/bin/env python3
"""A device as a stranger would build it, on Eclipse paho, MQTT 5 or 3.1.1.

Takes a broker, credentials, topics to subscribe and messages to publish. Prints one JSON object per line: {"connected": code},
{"subscribed": [codes]}, {"published": topic, "code": code}, {"message": topic, "payload": text}, {"disconnected": code}. Ends with 0 once a
message holds the text given by --until, or once everything asked for was answered and nothing is waited for; with 3 after --seconds.
"""
import argparse
import json
import sys
import threading

import paho.mqtt.client as mqtt

parser = argparse.ArgumentParser()
parser.add_argument("--protocol", choices=["5", "3.1.1"], required=True)
parser.add_argument("--host", required=True)
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--username")
parser.add_argument("--password")
parser.add_argument("--client-id", required=True)
parser.add_argument("--subscribe", action="append", default=[])
parser.add_argument("--publish", nargs=2, action="append", default=[], metavar=("TOPIC", "PAYLOAD"))
parser.add_argument("--until", help="end once a message holds this text")
parser.add_argument("--seconds", type=float, default=10)
args = parser.parse_args()

done = threading.Event()
lock = threading.Lock()
waiting = {"subscribed": len(args.subscribe), "published": len(args.publish)}
outcome = {"code": 3}


def say(**line):
    with lock:
        print(json.dumps(line), flush=True)


def number(reason):
    return reason.value if hasattr(reason, "value") else int(reason)


def finish(code):
    outcome["code"] = code
    done.set()


def settle():
    if args.until is None and not any(waiting.values()):
        finish(0)


def on_connect(client, _userdata, _flags, reason, _properties=None):
    code = number(reason)
    say(connected=code)
    if code != 0:
        finish(1)
        return
    for topic in args.subscribe:
        client.subscribe(topic, qos=1)
    if not args.subscribe:
        publish(client)


def publish(client):
    for topic, payload in args.publish:
        sent[client.publish(topic, payload, qos=1).mid] = topic
    settle()


def on_subscribe(client, _userdata, _mid, codes, _properties=None):
    codes = codes if isinstance(codes, (list, tuple)) else [codes]
    say(subscribed=[number(code) for code in codes])
    waiting["subscribed"] -= 1
    if waiting["subscribed"] == 0:
        publish(client)
    settle()


def on_publish(_client, _userdata, mid, reason=0, _properties=None):
    say(published=sent.get(mid, ""), code=number(reason))
    waiting["published"] -= 1
    settle()


def on_message(_client, _userdata, message):
    text = message.payload.decode("utf-8", "replace")
    say(message=message.topic, payload=text)
    if args.until is not None and args.until in text:
        finish(0)


def on_disconnect(_client, _userdata, *rest):
    say(disconnected=[number(code) for code in rest if hasattr(code, "value") or isinstance(code, int)])
    if not done.is_set():
        finish(2)


sent = {}
version = mqtt.MQTTv5 if args.protocol == "5" else mqtt.MQTTv311
options = {"client_id": args.client_id, "protocol": version}
if hasattr(mqtt, "CallbackAPIVersion"):
    options["callback_api_version"] = mqtt.CallbackAPIVersion.VERSION2
    client = mqtt.Client(**options)
else:
    client = mqtt.Client(**options)
if args.username is not None:
    client.username_pw_set(args.username, args.password)
client.on_connect = on_connect
client.on_subscribe = on_subscribe
client.on_publish = on_publish
client.on_message = on_message
client.on_disconnect = on_disconnect
client.connect(args.host, args.port, keepalive=20)
client.loop_start()
done.wait(args.seconds)
client.loop_stop()
sys.exit(outcome["code"])
