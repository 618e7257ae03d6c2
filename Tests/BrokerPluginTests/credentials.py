"""Keys and credentials as the control plane makes them, with the system's OpenSSL."""

import base64
import ctypes
import os
import time

_crypto = ctypes.CDLL("libcrypto.so.3")
_crypto.EVP_PKEY_new_raw_private_key.restype = ctypes.c_void_p
_crypto.EVP_PKEY_new_raw_private_key.argtypes = [
    ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]
_crypto.EVP_PKEY_get_raw_public_key.argtypes = [
    ctypes.c_void_p, ctypes.c_char_p, ctypes.POINTER(ctypes.c_size_t)]
_crypto.EVP_MD_CTX_new.restype = ctypes.c_void_p
_crypto.EVP_MD_CTX_free.argtypes = [ctypes.c_void_p]
_crypto.EVP_DigestSignInit.argtypes = [ctypes.c_void_p] * 5
_crypto.EVP_DigestSign.argtypes = [
    ctypes.c_void_p, ctypes.c_char_p, ctypes.POINTER(ctypes.c_size_t), ctypes.c_char_p,
    ctypes.c_size_t]
_ED25519 = 1087  # EVP_PKEY_ED25519


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


class Key:
    """An Ed25519 key pair."""

    def __init__(self, seed=None):
        self._key = _crypto.EVP_PKEY_new_raw_private_key(
            _ED25519, None, seed or os.urandom(32), 32)
        assert self._key

    @property
    def public_line(self):
        raw = ctypes.create_string_buffer(32)
        size = ctypes.c_size_t(32)
        assert _crypto.EVP_PKEY_get_raw_public_key(self._key, raw, ctypes.byref(size)) == 1
        return base64.b64encode(raw.raw).decode()

    def sign(self, message):
        context = _crypto.EVP_MD_CTX_new()
        signature = ctypes.create_string_buffer(64)
        size = ctypes.c_size_t(64)
        assert _crypto.EVP_DigestSignInit(context, None, None, None, self._key) == 1
        assert _crypto.EVP_DigestSign(
            context, signature, ctypes.byref(size), message, len(message)) == 1
        _crypto.EVP_MD_CTX_free(context)
        return signature.raw

    def password(self, payload):
        """A password over any payload, sensible or not."""
        return b"v1." + b64url(payload) + b"." + b64url(self.sign(payload))

    def credential(self, role, workspace, client, epoch=1, expires_in_s=3600):
        expires_at_s = int(time.time()) + expires_in_s
        return self.password(f"{role}|{workspace}|{client}|{epoch}|{expires_at_s}".encode())
