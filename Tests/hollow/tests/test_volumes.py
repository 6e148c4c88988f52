"""Volumes as folders."""

import base64
import os
import tempfile
import unittest

from hollow.refusal import NotYet, Refusal
from hollow.volumes import AtomicFolder, Token, object_files


class AtomicFolderTests(unittest.TestCase):
    def setUp(self):
        self._parent = tempfile.TemporaryDirectory()
        self.addCleanup(self._parent.cleanup)
        self._folder = AtomicFolder(os.path.join(self._parent.name, "v"), None)

    def _read(self, name: str) -> bytes:
        with open(os.path.join(self._folder.path, name), "rb") as file:
            return file.read()

    def test_files_are_links_through_data_which_is_swapped(self):
        self.assertTrue(self._folder.show({"token": (b"one", 0o440), "a/b": (b"x", 0o644)}))
        first = os.readlink(os.path.join(self._folder.path, "..data"))
        self.assertEqual(os.readlink(os.path.join(self._folder.path, "token")), "..data/token")
        self.assertEqual((self._read("token"), self._read("a/b")), (b"one", b"x"))
        self.assertEqual(os.stat(os.path.join(self._folder.path, "token")).st_mode & 0o777, 0o440)
        self.assertTrue(self._folder.show({"token": (b"two", 0o440)}))
        self.assertEqual(self._read("token"), b"two")
        self.assertNotEqual(os.readlink(os.path.join(self._folder.path, "..data")), first)
        self.assertEqual(len(os.listdir(self._folder.path)), 3)

    def test_the_same_files_change_nothing(self):
        self._folder.show({"token": (b"one", 0o440)})
        data = os.readlink(os.path.join(self._folder.path, "..data"))
        self.assertFalse(self._folder.show({"token": (b"one", 0o440)}))
        self.assertEqual(os.readlink(os.path.join(self._folder.path, "..data")), data)

    def test_a_path_that_leads_out_is_refused(self):
        for path in ("../x", "/x", "a/../../x"):
            with self.assertRaises(Refusal):
                self._folder.show({path: (b"", 0o644)})


class SourceTests(unittest.TestCase):
    _secret = {"data": {"token": base64.b64encode(b"t").decode(), "other": base64.b64encode(b"o").decode()}}

    def test_all_keys_or_the_items(self):
        self.assertEqual(object_files("secret", "s", self._secret, {}, 0o600), {"token": (b"t", 0o600), "other": (b"o", 0o600)})
        items = {"items": [{"key": "token", "path": "a/b", "mode": 0o400}]}
        self.assertEqual(object_files("secret", "s", self._secret, items, 0o600), {"a/b": (b"t", 0o400)})
        config = {"data": {"x": "é"}, "binaryData": {"y": "AA=="}}
        self.assertEqual(object_files("configmap", "c", config, {}, 0o644), {"x": ("é".encode(), 0o644), "y": (b"\0", 0o644)})

    def test_what_is_missing_is_waited_for_unless_it_is_optional(self):
        with self.assertRaisesRegex(NotYet, 'secret "s" not found'):
            object_files("secret", "s", None, {}, 0)
        with self.assertRaisesRegex(NotYet, "references non-existent secret key: none"):
            object_files("secret", "s", self._secret, {"items": [{"key": "none", "path": "p"}]}, 0)
        self.assertEqual(object_files("secret", "s", None, {"optional": True}, 0), {})
        self.assertEqual(object_files("secret", "s", self._secret, {"optional": True, "items": [{"key": "none", "path": "p"}]}, 0), {})


class TokenTests(unittest.TestCase):
    def test_it_is_asked_for_again_after_four_fifths_of_its_life(self):
        asked = []
        token = Token()

        def ask():
            asked.append(1)
            return f"token-{len(asked)}", 1000

        self.assertEqual([token.text(ask, now) for now in (0, 799, 800, 1599, 1600)], ["token-1", "token-1", "token-2", "token-2", "token-3"])

    def test_the_old_one_stays_when_there_is_no_new_one(self):
        token = Token()

        def fail():
            raise ConnectionError("away")

        with self.assertRaises(ConnectionError):
            token.text(fail, 0)
        token.text(lambda: ("first", 1000), 0)
        self.assertEqual(token.text(fail, 900), "first")
        self.assertEqual(token.text(lambda: ("second", 1000), 901), "second")
