"""usage: dns.py ADDRESS KUBECTL

The names of a test cluster's services: NAME.NAMESPACE.svc.cluster.local as an
A record, asked of the API each time through KUBECTL; all else does not exist.
In place of CoreDNS: one node and a few names. UDP, port 53 of ADDRESS.
"""
import json
import socket
import struct
import subprocess
import sys

SUFFIX = ["svc", "cluster", "local"]
TYPE_A, CLASS_IN = 1, 1
NO_SUCH_NAME = 3


def read_question(packet):
    """The labels, the type, and where the question ends."""
    labels, at = [], 12
    while packet[at]:
        size = packet[at]
        if size > 63:
            raise ValueError("a compressed question")
        labels.append(packet[at + 1:at + 1 + size].decode("ascii").lower())
        at += 1 + size
    kind, _ = struct.unpack_from("!HH", packet, at + 1)
    return labels, kind, at + 5


def addresses(labels, kubectl):
    """The service's addresses; None: no such name."""
    if len(labels) != 5 or labels[2:] != SUFFIX:
        return None
    name, namespace = labels[:2]
    found = subprocess.run(
        [kubectl, "get", "service", name, "--namespace", namespace, "-o",
         "json", "--request-timeout=3s"], capture_output=True, check=False)
    if found.returncode != 0:
        return None
    return [each for each in json.loads(found.stdout)["spec"]["clusterIPs"]
            if each != "None" and ":" not in each]


def answer(packet, kubectl):
    labels, kind, end = read_question(packet)
    found = addresses(labels, kubectl)
    records = b""
    count = 0
    if kind == TYPE_A:
        for each in found or []:
            records += struct.pack("!HHHIH", 0xC00C, TYPE_A, CLASS_IN, 5, 4)
            records += socket.inet_aton(each)
            count += 1
    flags = 0x8580 | (NO_SUCH_NAME if found is None else 0)
    header = packet[:2] + struct.pack("!HHHHH", flags, 1, count, 0, 0)
    return header + packet[12:end] + records


def main():
    address, kubectl = sys.argv[1:]
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((address, 53))
    while True:
        packet, peer = server.recvfrom(4096)
        try:
            server.sendto(answer(packet, kubectl), peer)
        except (IndexError, ValueError, struct.error, OSError) as error:
            print(f"a question of {peer} could not be answered: {error}",
                  flush=True)


if __name__ == "__main__":
    main()
