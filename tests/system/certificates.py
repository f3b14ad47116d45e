# SPDX-License-Identifier: Apache-2.0
"""Certificates for tests, good ones and all kinds of bad ones, made by the openssl program."""
import os
import subprocess

CA = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign"
SERVER = ("basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
          "extendedKeyUsage=serverAuth\nsubjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1")
CLIENT = ("basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
          "extendedKeyUsage=clientAuth")

CONFIGURATION = """
[ca]
default_ca = this
[this]
database = {place}/index.txt
new_certs_dir = {place}
unique_subject = no
rand_serial = yes
policy = any
[any]
commonName = optional
organizationName = optional
organizationalUnitName = optional
countryName = optional
emailAddress = optional
[req]
distinguished_name = empty
[empty]
"""


def openssl(*words):
    done = subprocess.run(["openssl", *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"openssl {' '.join(words)}: {done.stderr}")
    return done.stdout


class Room:
    """A directory of certificates; name.pem and name.key belong together."""

    def __init__(self, place):
        self.place = place
        self.configuration = self.write("openssl.cnf", CONFIGURATION.format(place=place))
        self.write("index.txt", "")

    def path(self, name):
        return os.path.join(self.place, name)

    def certificate(self, name):
        return self.path(name + ".pem")

    def key(self, name):
        return self.path(name + ".key")

    def write(self, name, text):
        with open(self.path(name), "w", encoding="ascii") as file:
            file.write(text)
        return self.path(name)

    def read(self, name):
        with open(self.path(name), encoding="ascii") as file:
            return file.read()

    def make_key(self, name, kind):
        words = (["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"] if kind == "ec" else
                 ["-algorithm", "RSA", "-pkeyopt", f"rsa_keygen_bits:{kind}"])
        openssl("genpkey", *words, "-out", self.key(name))

    def issue(self, name, issuer=None, extensions=CLIENT, subject=None, kind="ec", digest="sha256",
              start="20200101000000Z", end="20400101000000Z"):
        """A certificate signed by `issuer`, by itself without one."""
        self.make_key(name, kind)
        request = self.path(name + ".csr")
        openssl("req", "-new", "-key", self.key(name), "-subj", subject or f"/CN={name}", "-out",
                request, "-config", self.configuration)
        extension_file = self.write(name + ".ext", extensions + "\n")
        signer = (["-selfsign", "-keyfile", self.key(name)] if issuer is None else
                  ["-cert", self.certificate(issuer), "-keyfile", self.key(issuer)])
        openssl("ca", "-batch", "-config", self.configuration, *signer, "-in", request, "-out",
                self.certificate(name), "-notext", "-md", digest, "-startdate", start, "-enddate",
                end, "-extfile", extension_file, "-preserveDN")
        return name

    def chain(self, name, *others):
        """name.pem with the certificates of others behind it, under a name of its own."""
        text = "".join(self.read(other + ".pem") for other in (name, *others))
        made = name + "-chain"
        self.write(made + ".pem", text)
        self.write(made + ".key", self.read(name + ".key"))
        return made

    def make_usual(self):
        self.issue("ca", extensions=CA, subject="/CN=Test CA")
        self.issue("server", "ca", SERVER, subject="/CN=localhost")
        self.issue("client", "ca", CLIENT, subject="/O=Example/CN=client")
        return self

    def make_bad_clients(self):
        """Names of certificates that a broker with verify_peer and depth 1 must refuse, with why."""
        bad = {}
        self.issue("self-signed")
        bad["self-signed"] = "it vouches for itself"
        self.issue("other-ca", extensions=CA, subject="/CN=Test CA")
        self.issue("wrong-ca", "other-ca")
        bad["wrong-ca"] = "its CA has the right name and the wrong key"
        self.issue("expired", "ca", end="20210101000000Z")
        bad["expired"] = "it has expired"
        self.issue("early", "ca", start="20390101000000Z")
        bad["early"] = "it is not yet valid"
        self.issue("for-servers", "ca", SERVER)
        bad["for-servers"] = "it is for servers"
        self.issue("weak-key", "ca", kind="1024")
        bad["weak-key"] = "its key has 1024 bits of RSA"
        self.issue("weak-hash", "ca", digest="sha1")
        bad["weak-hash"] = "it is signed with SHA-1"
        self.issue("middle", "ca", CA, subject="/CN=Intermediate")
        self.issue("orphan", "middle")
        bad["orphan"] = "its intermediate is missing"
        self.issue("middle2", "middle", CA, subject="/CN=Second intermediate")
        self.issue("deep", "middle2")
        bad[self.chain("deep", "middle2", "middle")] = "its chain is deeper than allowed"
        self.issue("child-of-leaf", "client")
        bad[self.chain("child-of-leaf", "client")] = "its issuer is no CA"
        self.issue("no-sign", "ca", "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,cRLSign",
                   subject="/CN=May not sign")
        self.issue("unsigned-child", "no-sign")
        bad[self.chain("unsigned-child", "no-sign")] = "its issuer may not sign certificates"
        self.issue("tampered", "ca")
        self.tamper("tampered")
        bad["tampered"] = "its name was changed after it was signed"
        self.issue("expired-middle", "ca", CA, subject="/CN=Expired", end="20210101000000Z")
        self.issue("of-expired", "expired-middle")
        bad[self.chain("of-expired", "expired-middle")] = "its intermediate has expired"
        return bad

    def tamper(self, name):
        der = openssl("x509", "-in", self.certificate(name), "-outform", "DER", "-out",
                      self.path("der")) or self.path("der")
        with open(self.path("der"), "rb") as file:
            der = file.read()
        with open(self.path("der"), "wb") as file:
            file.write(der.replace(name.encode(), name.encode().upper()))
        openssl("x509", "-inform", "DER", "-in", self.path("der"), "-out", self.certificate(name))
