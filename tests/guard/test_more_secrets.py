"""Credentials without a format of their own: in other languages, as words, as short numbers, behind a bare name."""

from __future__ import annotations

import pytest

from mnemic.guard.screening import redact
from mnemic.guard.screening.personal import personal_data
from mnemic.guard.screening.secrets import secrets


def kept(text: str) -> str:
    return redact(text, [*secrets(text), *personal_data(text)])


@pytest.mark.parametrize(
    ("text", "secret"),
    [("Das Passwort für den Drucker lautet Kaffee-Tasse-77.", "Kaffee"),
     ("La contraseña del router es Gato_Azul_99.", "Gato"),
     ("Le mot de passe du wifi est Soleil!2024", "Soleil"), ("пароль от почты: Snegir2025", "Snegir"),
     ("邮箱密码是Xiaomao8899", "Xiaomao"), ("パスワードはneko2024です", "neko"), ("비밀번호는 haneul99", "haneul"),
     ("Heslo k wifi je Tulipan2024", "Tulipan"), ("the password for the printer is Xerox-4411", "Xerox"),
     ("machine api.corp.example login joe password hunter2hunter2", "hunter2"),
     ("wifi Fjord, password Trolltunga!2024", "Troll"),
     ("My passphrase: correct horse battery staple violin", "battery"),
     ("seed phrase is legal winner thank year wave sausage worth useful legal winner thank yellow", "sausage"),
     ("the PIN of my card is 4417", "4417"), ("Your one-time code is 482913.", "482913"),
     ("exp 04/29 cvv 123", "123"),
     ("npm config set //registry.example/:_authToken npm_abcdefghijklmnopqrstuvwxyz0123456789", "npm_"),
     ("deploy with glpat-abcdefghij0123456789 today", "glpat-"), ("SSN 078-05-1120", "078-05")],
)  # fmt: skip
def test_it_is_taken_out(text: str, secret: str) -> None:
    assert secret in text
    assert secret not in kept(text)


@pytest.mark.parametrize(
    "text",
    ["Das Passwort ist falsch.", "Mot de passe oublié ? Cliquez ici.",
     "La contraseña es obligatoria y tiene 12 caracteres.",
     "The passphrase is stored in the safe of my brother.", "The recovery phrase: write it down and keep it safe.",
     "password sha256 hashing", "password base64-encoded string", "The password policy is ISO27001.",
     "Meeting PIN: 4417",
     "PIN code: 560001", "The pin is 4 mm long.", "Error code: 404", "postal code: 50674",
     "My password is on a piece of paper.",
     "Our mnemonic: every good boy deserves fudge",
     "password: ${DB_PASSWORD}", "Call 000-12-3456 or 900-12-3456.", "The door code of the flat is 1998."],
)  # fmt: skip
def test_what_only_speaks_of_one_stays(text: str) -> None:
    assert kept(text) == text
