# ruff: noqa: RUF001 - the letters of other languages are what this is about
"""Words by which a directive in another language than English is known. Written for this project.

German, French, Spanish, Italian, Portuguese, Dutch, Polish, Swedish, Danish, Norwegian, Finnish, Czech, Slovak, Croatian,
Romanian, Hungarian, Turkish, Indonesian, Vietnamese, Swahili and Tagalog; other alphabets are in `foreign`.
"""

from __future__ import annotations

IGNORE = frozenset(
    """
    ignoriere ignoriert vergiss vergesst missachte missachtet übergehe umgehe verwirf oublie oubliez ignore ignorez
    néglige négligez contourne ignora ignorad olvida olvide olvidad omite omita descarta desobedece ignorate
    dimentica dimenticate trascura scarta esqueça esquece desconsidere descarte negeer vergeet zignoruj ignoruj
    zapomnij pomiń ignorera glöm strunta bortse ignorer glem overse unohda jätä ohita sivuuta zapomeň nedbej uită
    ignoră ignorați neglijează felejtsd hagyd abaikan lupakan bỏ quên zanemari ignoriraj zaboravi zabudni puuza kalimutan
    huwag
    """.split()
)
"""Ignore, forget, pass over: how one tells one person, or several."""

POLITE_IGNORE = frozenset(
    """
    ignorieren vergessen missachten übergehen ignorer oublier ignorar olvidar
    """.split()
)
"""The same as the polite forms of German, French and Spanish have it, which are no commands by themselves."""

RULES = frozenset(
    """
    anweisungen anweisung instruktionen regeln befehle vorgaben richtlinien instructions consignes règles ordres
    directives instrucciones reglas órdenes normas directrices indicaciones istruzioni regole ordini instruções
    regras ordens instructies regels opdrachten aanwijzingen instrukcje instrukcji polecenia poleceń zasady zasad
    reguły instruktioner regler instruksjoner instruks ohjeet ohjeita ohjeista säännöt pokyny pokynů instrukce
    pravidla příkazy instrucțiunile instrucțiuni regulile utasítást utasítások utasításokat szabályt szabályokat
    instruksi instruccions upute instrukcije uputstva pravila inštrukcie maagizo tagubilin utos perintah aturan
    petunjuk hướng lệnh
    """.split()
)
"""What is ignored then."""

SO_FAR = frozenset(
    """
    vorherigen vorherige vorigen bisherigen bisherige früheren obigen vorangegangenen ursprünglichen deine deinen
    deiner eure ihre alle précédentes précédents antérieures tes vos toutes tous anteriores previas previos tus sus
    todas todos precedenti tue tuoi vostre tutte prévias suas tuas vorige eerdere voorgaande bovenstaande jouw je uw
    poprzednie wcześniejsze swoje swoich wszystkie tidigare föregående tidligere dina dine alla aiemmat aiempia
    edelliset kaikki předchozí všechny dosavadní anterioare precedente toate korábbi előző eddigi minden sebelumnya
    semua trước mọi anteriors prethodne ranije dosadašnje sve predchádzajúce všetky yote awali naunang lahat
    """.split()
)
"""Which: the former ones, yours, all of them."""

ANSWER = frozenset(
    """
    antworte antwortet erwidere réponds répondez responde responda contesta conteste rispondi rispondete antwoord
    odpowiadaj odpowiedz svara svar vastaa odpovídej odpověz răspunde răspundeți válaszolj jawablah jawab
    """.split()
)
"""Answer!"""

ONLY = frozenset(
    """
    nur immer stets jede jeden ausschließlich uniquement toujours seulement chaque toutes solo sólo siempre todas
    únicamente sempre soltanto solamente só apenas somente alleen altijd elke tylko zawsze każde bara alltid kun
    altid vain aina jen pouze vždy doar numai mereu întotdeauna csak mindig hanya selalu chỉ luôn
    """.split()
)
"""Only, always, every."""

DO = frozenset(
    """
    sende schicke schick leite lösche lösch überweise zahle verrate nenne rufe führe starte öffne lade merke merk
    speichere empfiehl gib ersetze füge bestätige installiere kopiere teile veröffentliche kontaktiere bitte senden
    schicken überweisen löschen zahlen rufen führen öffnen envoie envoyez supprime supprimez efface effacez
    transfère transférez vire virez paie payez révèle révélez divulgue divulguez appelle appelez exécute exécutez
    lance lancez ouvre ouvrez télécharge souviens retiens mémorise recommande recommandez donne donnez remplace
    remplacez ajoute ajoutez installe copie partage publie contacte veuillez envía envíe envie reenvía borra borre
    elimina elimine transfiere transfiera paga pague revela revele divulga llama llame ejecuta ejecute abre abra
    descarga recuerda recuerde memoriza recomienda recomiende sustituye reemplaza añade agrega instala copia
    comparte publica contacta favor invia inviate cancella cancellate trasferisci rivela chiama esegui apri scarica
    ricorda memorizza consiglia sostituisci aggiungi installa condividi pubblica envia apague apaga exclua transfira
    chame execute baixe lembre recomende substitua adicione instale compartilhe publique stuur verstuur verwijder
    wis betaal onthul roep voer onthoud geef vervang voeg installeer kopieer wyślij usuń przelej zapłać ujawnij
    wywołaj uruchom otwórz pobierz zapamiętaj poleć podaj zastąp dodaj zainstaluj skopiuj udostępnij prześlij
    przekaż wpłać skasuj zapisz skicka radera betala vidarebefordra överför öppna kör spara videresend slett slet
    overfør betal åbn åpne gem lagre lähetä poista siirrä maksa avaa suorita tallenna pošli přepošli smaž odstraň
    převeď zaplať otevři spusť ulož trimite trimiteți șterge transferă plătește deschide rulează salvează küldd
    továbbítsd töröld utald fizesd nyisd futtasd mentsd gönder gönderin ilet iletin sil silin aktar öde çalıştır
    kaydet kirim kirimkan teruskan hapus transfer bayar buka jalankan simpan gửi xóa chuyển thanh mở chạy lưu
    pošalji proslijedi prosledi obriši izbriši prebaci plati pošlite vymaž tuma futa lipa ipadala burahin
    """.split()
)
"""What a machine can be told to do: send, delete, pay, open, remember, recommend, ..."""

OBJECTS = frozenset(
    """
    assistent assistenten assistants asistentes assistenti assistentes chatbots sprachmodelle assistente asistente
    chatbot sprachmodell api ki nutzer nutzers benutzer benutzers anwender passwort kennwort zugangsdaten
    utilisateur utilisatrice utilisateurs usuario usuarios contraseña utente utenti usuário senha gebruiker
    wachtwoord użytkownik użytkownika hasło hasła haseł användaren användarens lösenord brukeren brukerens brugeren
    brugerens passord adgangskode käyttäjän käyttäjä salasana salasanat salasanan uživatele uživatel heslo hesla
    utilizatorului utilizatorul parola felhasználó jelszót jelszavát jelszavakat kullanıcı kullanıcının kullanıcıya
    şifre şifresini parolasını pengguna sandi dùng korisnika korisnik lozinke lozinku používateľa nywila mtumiaji
    gumagamit
    """.split()
)
"""What only a machine is told about: the user, a password, an assistant."""
