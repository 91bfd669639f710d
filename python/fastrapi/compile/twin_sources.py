"""The sources that native twins were written after, and what their versions differ in.

A source is a module or a name inside one, known by a digest of its code. What a version
does in another way than the newest stands beside its digest, as settings of the twin; an
attribute that its instances have not got yet has its value there, too. ``older`` is what
not every place of a twin is known for. A comment says from which release on a source is as
it is.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from .sources import fingerprint

Settings = dict[str, Any]

_CORS = {"always": True, "by_cookie": False, "knows_network": True}
_CORS_OLDEST = {
    "always": False, "by_cookie": True, "knows_network": False, "allow_credentials": False,
    "allow_private_network": False, "older": True,
}  # fmt: skip
_CORS_COOKIE = {
    "always": False, "by_cookie": True, "knows_network": True, "allow_credentials": False,
    "older": True,
}  # fmt: skip
_GZIP = {
    "identity": True, "late": False, "flushes": True, "prefix": False, "partial": True,
    "grpc": True, "vary_last": False,
}  # fmt: skip
_GZIP_OLD = {
    "identity": True, "late": True, "flushes": False, "prefix": True, "partial": False,
    "grpc": False, "vary_last": False, "thread_minimum_size": 128 * 1024,
    "exclude_content_types": (b"text/event-stream",), "older": True,
}  # fmt: skip
_GZIP_OLDEST = _GZIP_OLD | {"identity": False, "vary_last": True, "exclude_content_types": ()}
_SESSION = {"tracked": True, "zero": True}
_SESSION_OLD = {"tracked": False, "zero": False, "older": True}
_FIRST_VARY = {"first_vary": True}
_NO_REDIRECTS = {"redirects": False}

# By source and digest; by None what counts for any other.
_KNOWN: dict[str, dict[str | None, Settings]] = {
    "starlette.middleware.cors": {
        "0d4999385a20d6a9b97404375268559a1fc9cfb0cc7c39205b3e631a653cfdfd": _CORS_OLDEST,  # 0.37
        "fa287827199e45a2a19afd3be8370913ec1dd0ad8525ba36de0cd974bac96f4d": _CORS_OLDEST,  # 0.38 to 0.46
        "1e9d4e0450753906d81916ba85f4f306a9242473a15298ebb11af2ac722d1c54": _CORS_OLDEST,  # 0.47 to 0.50
        "92563ec70dd2fa86c16982780b59f2a3aad7a68477f4ef5a945a3d37e2093519": _CORS_COOKIE,  # 0.51
        "8813a95a62b8dc4367c91ef5b78bc7d96c1f096cda24d25d13bb61df1e4283cd": _CORS | {"always": False, "older": True},  # 1.0
        "fce9d679b52dd9670f38216daacdcab159c6995cdb5256ee5162dc58d25a5c4f": _CORS,  # 1.10
    },
    "starlette.middleware.gzip": {
        "e0fc01738d932c6a39d123549fc3cd32776226637a547748048e71d4fcaae20a": _GZIP_OLDEST,  # 0.37
        "1104599ee09b9f9e82a92319ed9d8686dac05bc8f0d32b6eef3ef0c145aa590b": _GZIP_OLDEST,  # 0.38
        "1a2d42aedda5f4616663ee7f68cea9475a67b3edd2e03f1f40531439f76d7de9": _GZIP_OLDEST,  # 0.44
        "55a34e1d995e192fd85ae781155159f916e859099c408f218e064328b56494e3": _GZIP_OLD,  # 0.46
        "fed86909172d82ec34b4c33a2768839408f9bd996897d4faef7207b5fbdfc501": _GZIP_OLD,  # 0.47 to 1.3
        "ee28df06ccd3e21eacc9b96471df3da657b8dd6a980601fe842c9cb0ab96b66b": _GZIP | {"late": True, "grpc": False, "older": True},  # 1.5
        "d8396f87b8dbb514bddc885f30f40fc094c31ec7648c7ed14fe0814180fb1159": _GZIP,  # 1.10
    },
    "starlette.middleware.sessions": {
        "9d223b8e77063e1bbd40c9a23f66ada806f29b8de66716dd3144d6ba5ddf896f": _SESSION_OLD,  # 0.37
        "0a96ea97f0536a756a0db84f19da14acdbc720a7fd0f762e738f1c2597ab1535": _SESSION_OLD,  # 0.38
        "2206644e481b3a153db5071e415d0a8cb022369f9d2a19e0707a6ee1561a0d74": _SESSION_OLD,  # 0.47 to 0.52
        "91b4b366130df11da87ddaef31010ccf87b1e311215beb1349fb13290f524866": _SESSION | {"zero": False},  # 1.0
        "1eb1ccea4379d8f469fba034316a5ae923bf30cdc9e1a6229eff48062bc909a3": _SESSION,  # 1.10
    },
    "starlette.middleware.trustedhost": {
        "23eb0c8a188692d756ada13111cc596e3e9ec9e458a27353334eff2721806fa6": {"old": True},  # 0.37
        "7576d6db60b7458369dd3b1d7c2b84d0c352f9564570df01fd2df062bcc44e6f": {"old": True},  # 0.38
        "6f22825323e07b9e19e0cce7cae9c3ff60ec31f25cd94b1f5786f60eef966137": {"old": True},  # 0.47 to 1.5
        "c10f831a36a50dfa7119e50cc36022cd9d39b3cf825ba61e63903562ebad5475": {"old": False},  # 1.10
    },
    "starlette.middleware.httpsredirect": {
        "48d4e579a6002c6a084d5ef1c1b89ce2007a55874cf1895e6bfca4722533df58": {},  # to 1.5
        "7e88112b2a4cc7780ace81e026928f2084c674ac4575408402ab244479dd6414": {},  # 1.10
    },
    "starlette.datastructures:Headers": {
        "9665daa4c1d3244c7daf300f0caeaec177ad71a815128b062f3adee31ea897f5": {},  # 0.37
        "0e50539d4ee7737b29b1777103bf5aa8457510c72a3b53f23ee483aec3cc1252": {},  # 0.38
        "5cd4e6c943fba55af16bac95f0bc2a2dd86279524dc90741e4631493241a26ef": {},  # from 0.47 on
    },
    "starlette.datastructures:MutableHeaders": {
        "c77e942129284b06f0af915b8c969df250f95f880983dfa881dc21a228ccdc1e": _FIRST_VARY,  # to 0.46
        "407a54f2227d63f3c333ef073dd54a38991d92ccac1a2730c3b59e17b583a8c5": _FIRST_VARY,  # 0.47 to 1.5
        "6f74d2dcf335e44e9a09e286036c8696fc4018bf774262d5290622873ebd274e": {"first_vary": False},  # 1.10
    },
    "starlette.datastructures:URL": {
        "b21058cbad252f9d2c3d296917a82c7a60656dfd1cabc4782de83dcf08760bf4": {"redirects": True},  # 1.10
        None: _NO_REDIRECTS,
    },
    "starlette._utils": {
        "413355d540af9e719cefaa92c1ed70af338e263c375cb336644309b1d242a6f4": {"hosts": True},  # 1.10
        None: {"hosts": False} | _NO_REDIRECTS,
    },
    "starlette.responses:RedirectResponse": {
        "c2118a729f7b953fd97f41068f7369e22a61d1760f103339566134598b912ecf": {},  # from 0.47 on
        None: _NO_REDIRECTS,
    },
    "starlette.responses:Response": {
        "064053c89bff486c066af7f62750335b423041031b3e6dfcfcb9086392d4a2d4": {},  # 0.37
        "21abb5de9e1d72787d9cfad906019046f9b0a7095a5b7ea4a11327541c47f040": {},  # 0.38
        "fc2084b6ea60bd6bcb360d4de95104bcbb96959345fe9abf085ede0d2786665b": {},  # 0.47
        "3f2dc273723de7f2db5f696cf9265a4f123238040cf95a52548d047430aab824": {},  # 0.50
        "b0bb2baf307ae49041d4a8b15d9c828d3fbb6543a67892e25b6f28210f6102bf": {},  # 1.0
        "1c1e935d703efea780410ca3413b28d7741930548d7f84bce4967412132f5534": {},  # 1.10
    },
    "starlette.responses:PlainTextResponse": {
        "a9ea4aabd68a25740d905c6ccaf0a0ec5bab5fe7a10a3551d58eaee10c6c78f8": {},
    },
    "starlette.requests:HTTPConnection.cookies.fget": {
        "2790333cb5f179bab5959eb9cfb34a08abb4207208655bbaccbdd24271256ff0": {"first_field": True},  # to 0.48
        "d37ea5039be63e34bb395b0472a18c75dd973d173143dbce291a385e1290ca9c": {"first_field": False},  # from 0.49 on
    },
    "itsdangerous.encoding": {
        "a6087ceac9c70bbe9d3cb3429cf96b8d1e526982ff33c1fe81646288b35b8425": {},  # 2.1
        "c304f3e6aff7ccb71a01dba793afef4a84adc06a9859edf4ed997f53ceda4453": {},  # 2.2
    },
    "itsdangerous.signer": {
        "4141f4897d229fe393a6d3005ca539cd633098e0979f57ec0ecb9b5e219d14de": {},  # 2.1
        "60ed0257b341bc703a8f9e3d4441c91548d4a23c36a47ab0714a509d4ef23584": {},  # 2.2
    },
    "itsdangerous.timed:TimestampSigner": {
        "b9648c444db9008d79ee3b728ab4c610a8b7bbc43bd378217df128666701ccdb": {},  # 2.1
        "fdbb55902f01f035c0fe880b3a4d1cc384f64552bf5d8284cc4014aa069ddb49": {},  # 2.2
    },
}


@cache
def settings_of(sources: tuple[str, ...]) -> Settings | None:
    """What the installed versions of these sources do; None when one is unknown."""
    found: Settings = {}
    for source in sources:
        known = _KNOWN[source]
        settings = known.get(fingerprint((source,)), known.get(None))
        if settings is None:
            return None
        found |= settings
    return found
