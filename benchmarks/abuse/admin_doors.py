"""The admin's pages as an attacker uses them, and the files that they bring there."""

import asyncio
import io
import zipfile

from benchmarks.abuse.tools import Attacker


def bomb(*, styles: int = 5_000_000, text: int = 0) -> bytes:
    """A workbook of one cell whose styles or strings are much larger unpacked than packed."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    kinds = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types">'
        '<Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{kinds}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{kinds}.worksheet+xml"/>'
        f'<Override PartName="/xl/styles.xml" ContentType="{kinds}.styles+xml"/>'
        f'<Override PartName="/xl/sharedStrings.xml" ContentType="{kinds}.sharedStrings+xml"/>'
        "</Types>",
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
        f'Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>'
        '<sheet name="a" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships">'
        f'<Relationship Id="r1" Type="{office}/worksheet" Target="worksheets/sheet1.xml"/>'
        f'<Relationship Id="r2" Type="{office}/styles" Target="styles.xml"/>'
        f'<Relationship Id="r3" Type="{office}/sharedStrings" Target="sharedStrings.xml"/>'
        "</Relationships>",
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData><row r="1">'
        '<c r="A1" t="s"><v>0</v></c></row></sheetData></worksheet>',
        "xl/styles.xml": f'<styleSheet xmlns="{main}"><cellXfs>{"<xf/>" * styles}'
        "</cellXfs></styleSheet>",
        "xl/sharedStrings.xml": f'<sst xmlns="{main}"><si><t>{"a" * (text or 1)}</t></si></sst>',
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return packed.getvalue()


async def _exchange(attacker: Attacker, request: str, body: bytes = b"") -> str:
    """The head and the beginning of the body of one answer."""
    reader, writer = await attacker.connect()
    try:
        writer.write(request.encode() + body)
        return (await asyncio.wait_for(reader.read(), 60)).decode(errors="replace")
    finally:
        writer.close()


def _cookies(answer: str) -> dict[str, str]:
    head = answer.partition("\r\n\r\n")[0]
    lines = [line for line in head.split("\r\n") if line.lower().startswith("set-cookie:")]
    pairs = (line.partition(":")[2].strip().partition(";")[0] for line in lines)
    return dict(pair.split("=", 1) for pair in pairs)


async def admin_session(attacker: Attacker) -> str:
    """Sign in to the admin's pages as a browser would behind the front proxy."""
    host = f"127.0.0.1:{attacker.stage.port}"
    common = f"Host: {host}\r\nX-Forwarded-Proto: https\r\nConnection: close\r\n"
    page = await _exchange(attacker, f"GET /account/login/ HTTP/1.1\r\n{common}\r\n")
    cookies = _cookies(page)
    token = page.partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]
    form = (
        f"csrfmiddlewaretoken={token}&email={attacker.stage.emails['admin'].replace('@', '%40')}"
        f"&password={attacker.stage.password}&next=/admin/"
    )
    cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
    answer = await _exchange(
        attacker,
        f"POST /account/login/ HTTP/1.1\r\n{common}Cookie: {cookie}\r\nReferer: https://{host}/\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(form)}\r\n\r\n",
        form.encode(),
    )
    cookies |= _cookies(answer)
    attacker.tally[f"sign-in {answer.split()[1]}"] += 1
    return "; ".join(f"{name}={value}" for name, value in cookies.items())


async def bring_file(attacker: Attacker, content: bytes, name: str) -> None:
    """Bring the file in the admin five times; a worker checks it."""
    cookie = await admin_session(attacker)
    host = f"127.0.0.1:{attacker.stage.port}"
    csrf = next(part for part in cookie.split("; ") if "csrftoken" in part).partition("=")[2]
    boundary = "abuse-boundary"
    fields = {"csrfmiddlewaretoken": csrf, "kind": "values"}
    body = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'
        for field, value in fields.items()
    ).encode()
    body += (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode()
    body += content + f"\r\n--{boundary}--\r\n".encode()
    for _ in range(5):
        answer = await _exchange(
            attacker,
            f"POST /admin/bos/import/add/ HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-Proto: https\r\n"
            f"Cookie: {cookie}\r\nReferer: https://{host}/admin/\r\nConnection: close\r\n"
            f"Content-Type: multipart/form-data; boundary={boundary}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n",
            body,
        )
        attacker.tally[f"import {answer.split()[1] if answer else 'closed'}"] += 1
    await asyncio.sleep(attacker.left)
