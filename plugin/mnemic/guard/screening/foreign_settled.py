"""What is settled in other languages than English without an order: where to pay, and what the user is said to want.

German, French, Spanish, Italian, Portuguese, Dutch, Polish, Chinese, Japanese, Korean and Russian. Masked and no more.
"""

from __future__ import annotations

import re

_ACCOUNT = (
    r"(?:kontonummer|bankverbindung|bankdaten|konto\b|iban\b|\bcomptes?\b|coordonnées bancaires|\brib\b|\bcuentas?\b"
    r"|datos bancarios|\bconto\b|coordinate bancarie|\bcontas?\b|dados bancários|rekening|bankgegevens|\bkonta\b"
    r"|账户|帳戶|账号|帳號|口座|계좌|счет|счёт|реквизит)"
)
# Now, new, changed: what makes of a number another one than before.
_NEW = (
    r"(?:\bnun\b|\bjetzt\b|ab (?:sofort|heute|jetzt|dem)\b|künftig|\bneue[nrs]?\b|geändert|nicht mehr|désormais"
    r"|maintenant|dorénavant|\bnouve\w+|\bchangé|à partir d|\bahora\b|en adelante|a partir d|\bnuev[oa]s?\b|\bcambi\w+"
    r"|\bya no\b|\bora\b"
    r"|d['\u2019]ora in poi|\bnuov[oaie]\b|\bagora\b|\bnov[oa]s?\b|\bmudou\b|\bmudaram\b|voortaan|\bnieuwe?\b"
    r"|gewijzigd|\bteraz\b"
    r"|\bnow[yaeł]\w*|zmieni\w+|现在|現在|新的?|改为|改為|变更|變更|更改|変更|新しい|변경|새로운|теперь|отныне|нов\w+|изменил\w+)"
)
_NUMBER = re.compile(r"\b[a-z]{2}\d{2}(?: ?[a-z0-9]{2,4}){3,8}\b|\d(?:[ ./-]{0,2}\d){7,30}", re.I)
_IS_NEW = re.compile(_NEW)
_OF_ACCOUNT = re.compile(_ACCOUNT)
# "All payments are to be settled through the account of ...": payments, a duty, and an account.
_PAYMENTS = re.compile(
    r"\b(?:zahlungen|überweisungen|paiements|virements|règlements|pagos|transferencias|pagamenti|bonifici|pagamentos"
    r"|transferências|betalingen|płatności|przelewy)\b|付款|款项|款項|支付|转账|汇款|支払|振込|결제|송금|платеж|перевод"
)
_DUTY = re.compile(
    r"\b(?:müssen|sollen|sind|werden|doivent|devront|sont à|deben|deberán|tienen que|se (?:harán|realizarán|hacen)"
    r"|devono|vanno|dovranno|devem|têm de|moeten|dienen|muszą|należy)\b"
    r"|必须|必須|一律|须|應|应|都要|均|なければ|べき|해야|должн|следует|необходимо"
)
# Who is remembered for, what that person is said to want, and what is done to things then or where they go.
_WANTED = re.compile(
    r"\b(?:nutzer(?:in)?|benutzer(?:in)?|kontoinhaber(?:in)?|l['\u2019]utilisat(?:eur|rice)|titulaire du compte"
    r"|usuari[oa]|titular"
    r"|utente|usuári[oa]|gebruiker|użytkowni(?:k|czka))\b[^.;]{0,24}?\b(?:möchte|wünscht|will|bevorzugt|verlangt"
    r"|souhaite|préfère"
    r"|veut|désire|demande|prefiere|quiere|desea|pide|preferisce|vuole|desidera|chiede|prefere|quer|deseja|pede|wil"
    r"|wenst|wenscht|verkiest|woli|chce|prosi|życzy)\b"
    r"|(?:用户|用戶|使用者)(?:\w{0,6})?(?:希望|想要|要求|偏好|喜欢|喜歡|愿意)|ユーザーは.{0,60}(?:希望|望ん|好み)|사용자는.{0,60}(?:원|선호|희망)"
    r"|пользователь.{0,12}(?:хочет|предпочитает|желает|просит)"
)
_GOES_TO = re.compile(
    r"[\w.+-]{1,64}@[\w-]{1,63}\.\w|[a-z][a-z0-9+.-]{1,12}://|\b(?:passw|kennw|mot de passe|contraseña|senha"
    r"|wachtwoord|hasł)|密码|密碼|パスワード|비밀번호|парол"
)
_PARTS = (
    "kont", "bank", "iban", "compte", "bancair", "rib", "cuenta", "bancari", "conto", "conta", "reken", "nutzer", "utilisat",
    "titula", "usuari", "utente", "usuári", "gebruiker", "użytkowni", "账", "帳", "口座", "계좌", "сч", "реквизит",
    "用户", "用戶", "使用者", "ユーザー", "사용자", "пользователь",
)  # fmt: skip


def settled_elsewhere(said: str, written: str) -> bool:
    """Whether a sentence says where to pay from now on, or where a user wants things to go.

    ``said``: in small letters, ``written``: as it stands.
    """
    if not any(part in said for part in _PARTS):
        return False
    if _OF_ACCOUNT.search(said) and (
        (_NUMBER.search(written) and _IS_NEW.search(said)) or (_PAYMENTS.search(said) and _DUTY.search(said))
    ):
        return True
    return _WANTED.search(said) is not None and _GOES_TO.search(said) is not None
