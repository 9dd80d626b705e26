"""A certification authority for tests, made of openssl's commands: keys, certificates, revocation lists."""

import ipaddress
import os
import pathlib
import subprocess
import time

KEYS = {
    "rsa2048": ("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"),
    "rsa4096": ("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:4096"),
    "ecdsa256": ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"),
    "ecdsa384": ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"),
    "ecdsa521": ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"),
    "ed25519": ("-algorithm", "ED25519"),
}
IPSEC_IKE = "1.3.6.1.5.5.7.3.17"        # RFC 4945 section 5.1.3.12
DAY = 86400

_CONF = """\
[ca]
default_ca = db
[db]
database = {database}/index.txt
serial = {database}/serial
crlnumber = {database}/crlnumber
new_certs_dir = {database}
default_md = {digest}
policy = any
unique_subject = no
[any]
countryName = optional
organizationName = optional
commonName = optional
[req]
distinguished_name = dn
[dn]
[ca_extensions]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[end_extensions]
{end_extensions}
[crl_extensions]
authorityKeyIdentifier = keyid
"""


class CaError(Exception):
    """openssl refused; the message is what it said."""


def _openssl(*words):
    done = subprocess.run(["openssl", *map(str, words)], capture_output=True, text=True, timeout=120, check=False)
    if done.returncode != 0:
        raise CaError(f"openssl {words[0]}: {done.stderr.strip()}")
    return done.stdout


def _utc(seconds):
    return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(seconds))


class Identity:
    """A private key and its certificate, as files."""

    def __init__(self, directory, stem):
        self.key = pathlib.Path(directory) / f"{stem}.key"
        self.certificate = pathlib.Path(directory) / f"{stem}.pem"

    def make_key(self, kind):
        old = os.umask(0o077)
        try:
            _openssl("genpkey", *KEYS[kind], "-out", self.key)
        finally:
            os.umask(old)


def _name_extension(names):
    """subjectAltName for domain names, e-mail addresses and IP addresses."""
    def typed(name):
        try:
            return f"IP:{ipaddress.ip_address(name)}"
        except ValueError:
            return f"{'email' if '@' in name else 'DNS'}:{name}"
    return [f"subjectAltName = {','.join(map(typed, names))}"] if names else []


def _end_extensions(names, extended_key_usage):
    usage = [f"extendedKeyUsage = {extended_key_usage}"] if extended_key_usage else []
    return "\n".join(["basicConstraints = CA:FALSE", "keyUsage = critical,digitalSignature", *usage, *_name_extension(names)])


class Authority(Identity):
    """A CA in a folder of its own, self-signed or issued by another."""

    def __init__(self, directory, stem="ca", *, subject="/O=Example/CN=Example CA", key="ecdsa256", issuer=None):
        super().__init__(directory, stem)
        self.database = pathlib.Path(directory) / f"{stem}.db"
        self.subject = subject
        self.revocation_list = pathlib.Path(directory) / f"{stem}.crl"
        if self.key.exists():
            return
        self.database.mkdir(parents=True)
        for name, text in (("index.txt", ""), ("serial", "01\n"), ("crlnumber", "01\n")):
            (self.database / name).write_text(text, encoding="ascii")
        self.make_key(key)
        if issuer is None:
            _openssl("req", "-x509", "-new", "-key", self.key, "-subj", subject, "-days", 3650, "-config", self._config(), "-extensions",
                     "ca_extensions", "-out", self.certificate)
        else:
            issuer.sign(self, subject, "ca_extensions")

    def _config(self, end_extensions=""):
        path = self.database / "openssl.cnf"
        path.write_text(_CONF.format(database=self.database, digest="sha256", end_extensions=end_extensions), encoding="utf-8")
        return path

    def _database(self, end_extensions=""):
        return ("-config", self._config(end_extensions), "-keyfile", self.key, "-cert", self.certificate)

    def sign(self, identity, subject, section, *, end_extensions="", start=None, end=None):
        """Writes the certificate of an identity that has a key."""
        request = identity.certificate.with_suffix(".csr")
        _openssl("req", "-new", "-key", identity.key, "-subj", subject, "-config", self._config(), "-out", request)
        now = time.time()
        _openssl("ca", "-batch", "-notext", *self._database(end_extensions), "-extensions", section, "-startdate", _utc(start or now - 60), "-enddate",
                 _utc(end or now + 365 * DAY), "-in", request, "-out", identity.certificate)
        request.unlink()

    def issue(self, name, *, stem=None, key="ecdsa256", names=None, start=None, end=None, extended_key_usage=IPSEC_IKE):
        """An identity called `name` (CN and subjectAltName; `names`: other ones), valid from `start` to `end`."""
        identity = Identity(self.certificate.parent, stem or name)
        identity.make_key(key)
        self.sign(identity, f"/O=Example/CN={name}", "end_extensions", start=start, end=end,
                  end_extensions=_end_extensions([name] if names is None else names, extended_key_usage))
        return identity

    def revoke(self, *identities):
        """Writes the revocation list, with these identities in it."""
        for identity in identities:
            _openssl("ca", *self._database(), "-revoke", identity.certificate)
        _openssl("ca", *self._database(), "-gencrl", "-crldays", 30, "-crlexts", "crl_extensions", "-out", self.revocation_list)
        return self.revocation_list


def self_signed(directory, name, *, stem=None, key="ecdsa256"):
    """An identity that nobody vouches for."""
    identity = Identity(directory, stem or name)
    identity.make_key(key)
    config = pathlib.Path(directory) / f"{stem or name}.cnf"
    config.write_text(f"[req]\ndistinguished_name = dn\n[dn]\n[end_extensions]\n{_end_extensions([name], IPSEC_IKE)}\n", encoding="utf-8")
    _openssl("req", "-x509", "-new", "-key", identity.key, "-subj", f"/O=Example/CN={name}", "-days", 365, "-config", config, "-extensions",
             "end_extensions", "-out", identity.certificate)
    config.unlink()
    return identity
