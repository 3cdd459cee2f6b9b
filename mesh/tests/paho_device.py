"""A stranger's device on Eclipse paho: connects, subscribes, publishes, and prints what the broker answered as JSON.

Usage: paho_device.py HOST PORT VERSION(4|5) USERNAME PASSWORD OWN_PREFIX OTHER_TOPIC MESSAGES
"""

import json
import sys
import threading

import paho.mqtt.client as mqtt

WAIT_S = 20


def main() -> None:
    host, port, version, username, password, own, other, messages = sys.argv[1:]
    seen = {"suback": {}, "puback": {}, "received": []}
    acknowledged = threading.Semaphore(0)
    connected, arrived = threading.Event(), threading.Event()

    client = mqtt.Client(
        mqtt.CallbackAPIVersion.VERSION2, client_id=username, protocol=mqtt.MQTTv5 if version == "5" else mqtt.MQTTv311
    )
    client.username_pw_set(username, password)
    client.will_set(own + "state", "gone", qos=1, retain=False)

    def on_connect(_client, _userdata, _flags, reason, _properties):
        seen["connack"] = reason.value
        connected.set()

    def on_subscribe(_client, _userdata, mid, reasons, _properties):
        seen["suback"][mid] = [reason.value for reason in reasons]
        acknowledged.release()

    def on_publish(_client, _userdata, mid, reason, _properties):
        seen["puback"][mid] = reason.value
        acknowledged.release()

    def on_message(_client, _userdata, message):
        if message.topic == own + "state":
            seen["received"].append(message.payload.decode())
            if len(seen["received"]) == int(messages):
                arrived.set()

    client.on_connect, client.on_subscribe = on_connect, on_subscribe
    client.on_publish, client.on_message = on_publish, on_message
    client.connect(host, int(port))
    client.loop_start()
    if not connected.wait(WAIT_S) or seen["connack"] != 0:
        client.loop_stop()
        print(json.dumps({"connack": seen.get("connack")}))
        return

    def settled(call):
        mid = call
        if not acknowledged.acquire(timeout=WAIT_S):
            raise SystemExit(f"no answer to packet {mid}")
        return mid

    own_sub = settled(client.subscribe(own + "#", qos=1)[1])
    other_sub = settled(client.subscribe(other, qos=1)[1])
    forbidden = settled(client.publish(other, "forged", qos=1).mid)
    for number in range(int(messages)):
        client.publish(own + "state", str(number), qos=1)
    arrived.wait(WAIT_S)
    print(
        json.dumps(
            {
                "connack": seen["connack"],
                "suback_own": seen["suback"][own_sub],
                "suback_other": seen["suback"][other_sub],
                "puback_other": seen["puback"][forbidden],
                "received": seen["received"],
            }
        )
    )
    client.disconnect()
    client.loop_stop()


main()
