"""Rules of the Services, and their names."""

import struct
import unittest

from hollow.names import addresses, answer
from hollow.services import ruleset, targets


def _service(address: str, *ports) -> dict:
    return {"spec": {"clusterIP": address, "ports": [{"name": name, "port": port} for name, port in ports]}}


def _endpoints(ips: list, *ports) -> dict:
    return {"subsets": [{"addresses": [{"ip": ip} for ip in ips], "ports": [{"name": name, "port": port} for name, port in ports]}]}


class ServiceTests(unittest.TestCase):
    def test_ports_meet_by_name_and_addresses_are_sorted(self):
        service = _service("10.96.0.9", ("https", 443), ("metrics", 80))
        endpoints = _endpoints(["10.244.2.2", "10.244.1.2"], ("metrics", 5000), ("https", 5005))
        self.assertEqual(targets(service, endpoints), {
            ("10.96.0.9", "tcp", 443): [("10.244.1.2", 5005), ("10.244.2.2", 5005)],
            ("10.96.0.9", "tcp", 80): [("10.244.1.2", 5000), ("10.244.2.2", 5000)]})

    def test_subsets_that_are_not_ready_do_not_count_and_headless_services_have_no_rule(self):
        endpoints = {"subsets": [{"notReadyAddresses": [{"ip": "10.244.1.2"}], "ports": [{"name": "a", "port": 1}]}]}
        self.assertEqual(targets(_service("10.96.0.9", ("a", 1)), endpoints), {("10.96.0.9", "tcp", 1): []})
        self.assertEqual(targets(_service("None", ("a", 1)), endpoints), {})

    def test_the_table_is_replaced_as_a_whole(self):
        rules = ruleset(
            {"x/full": _service("10.96.0.9", ("a", 80)), "x/empty": _service("10.96.0.10", ("a", 80))},
            {"x/full": _endpoints(["10.244.1.2", "10.244.1.3"], ("a", 8080))})
        lines = [line.strip() for line in rules.split("\n")]
        self.assertEqual(lines[:3], ["table ip hollow", "delete table ip hollow", "table ip hollow {"])
        self.assertIn("elements = { 10.96.0.9 . tcp . 80 : goto service-1 }", lines)
        self.assertIn("numgen random mod 2 vmap { 0 : goto service-1-0, 1 : goto service-1-1 }", lines)
        self.assertIn("meta l4proto tcp dnat to 10.244.1.3:8080", lines)
        self.assertIn("elements = { 10.96.0.10 . tcp . 80 }", lines)
        self.assertIn("elements = { 10.244.1.2 . 10.244.1.2, 10.244.1.3 . 10.244.1.3 }", lines)

    def test_nothing_is_a_table_without_elements(self):
        self.assertNotIn("elements", ruleset({}, {}))


def _query(name: str, kind: int = 1, count: int = 1, flags: int = 0x0100) -> bytes:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack(">HHHHHH", 7, flags, count, 0, 0, 0) + labels + b"\0" + struct.pack(">HH", kind, 1)


class NameTests(unittest.TestCase):
    _services = {"shop/front": _service("10.96.0.9"), "shop/pods": _service("None")}
    _known = {"shop/pods": _endpoints(["10.244.1.3", "10.244.1.2"])}

    def _resolve(self, name: str):
        return addresses(name, self._services, self._known)

    def test_names_of_services(self):
        for name, expected in (
            ("front.shop.svc", ["10.96.0.9"]), ("front.shop.svc.cluster.local", ["10.96.0.9"]), ("FRONT.Shop.svc.cluster.local.", ["10.96.0.9"]),
            ("pods.shop.svc.cluster.local", ["10.244.1.2", "10.244.1.3"]), ("front.svc.cluster.local", None), ("front.shop", None),
            ("none.shop.svc", None), ("front.shop.svc.shop.svc.cluster.local", None), ("example.com", None), ("", None),
        ):
            self.assertEqual(self._resolve(name), expected, name)

    def test_an_answer_repeats_the_question_and_gives_the_address(self):
        reply = answer(_query("front.shop.svc"), self._resolve)
        self.assertEqual(struct.unpack_from(">HHHHHH", reply), (7, 0x8580, 1, 1, 0, 0))
        self.assertEqual(reply[12 : len(_query("front.shop.svc"))], _query("front.shop.svc")[12:])
        self.assertEqual(reply[-16:], bytes([0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4, 10, 96, 0, 9]))

    def test_no_ipv6_address_is_not_no_such_name(self):
        for name, kind, code in (("front.shop.svc", 28, 0), ("none.shop.svc", 28, 3), ("none.shop.svc", 1, 3)):
            reply = answer(_query(name, kind), self._resolve)
            self.assertEqual((reply[3] & 15, reply[7]), (code, 0))

    def test_what_cannot_be_read_gets_an_error_and_never_an_exception(self):
        good = _query("front.shop.svc")
        self.assertEqual(answer(good[:5], self._resolve), b"")
        for length in range(12, len(good)):
            self.assertEqual(answer(good[:length], self._resolve)[3] & 15, 1, length)
        self.assertEqual(answer(_query("a.b", count=2), self._resolve)[3] & 15, 1)
        self.assertEqual(answer(good[:12] + b"\xc0\x0c" + good[14:], self._resolve)[3] & 15, 1)
        self.assertEqual(answer(_query("a.b", flags=0x2800), self._resolve)[3] & 15, 4)
