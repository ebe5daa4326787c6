"""Payloads that readers have trouble with: each is valid JSON that ingest accepts for a stream without a schema."""

LONG = 1_000_000  # bytes; the largest record has 1 MiB


def nested(levels, opening, closing, inside=""):
    return opening * levels + inside + closing * levels


def deep():
    """Down to 127 levels, the most that ingest accepts; the payload's own braces are one of them."""
    yield from (f'{{"deep":{nested(levels, "[", "]")}}}' for levels in (1, 63, 126))
    yield from (nested(levels, '{"a":', "}", "1") for levels in (2, 64, 127))
    yield nested(63, '{"a":[', "]}", "null")


def keys():
    """Keys that differ in case, appear twice, or are names of columns and partitions."""
    yield from ('{"Name":1,"name":2}', '{"name":1,"NAME":2,"nAmE":3}', '{"ID":1,"id":2,"Id":3}', '{"É":1,"é":2}')
    yield from ('{"a":1,"a":2}', '{"a":1,"a":1}', '{"a":{"b":1,"b":[]},"a":{}}', '{"a":[{"b":1,"b":2,"B":3}]}')
    yield from ('{"payload":{"payload":{"payload":1}}}', '{"id":"not the id","stream":"not it","received_at":"never"}')
    yield from ('{"dt":"1970-01-01","hour":99,"stream":7}', '{"source":{"country":"XX"},"context":[1]}', '{"filename":"f"}')
    yield from ('{"":1}', '{"":{"":{"":""}}}', '{" ":1," a":2,"a ":3}', '{"a.b":1,"a":{"b":2}}', '{"$":1,"$.a":2,"a[0]":3}')
    yield from ('{"select":1,"from":2,"*":3}', '{"a\\"b":1,"a\\\\b":2,"a/b":3,"a\\/b":4}', '{"\\u0061":1}', '{"\'":1,";--":2}')
    yield from ('{"😀":1,"👩‍👩‍👧":2}', '{"\\ud83d\\ude00":1}', '{"\\u0000":1}', '{"e\\u0301":1,"\\u00e9":2}', '{"a\\nb\\tc":1}')
    yield from ('{"__proto__":{"x":1},"constructor":2}', f'{{"{"k" * 10_000}":1}}')
    yield "{" + ",".join(f'"k{number}":{number}' for number in range(5_000)) + "}"


def numbers():
    """Numbers that no 64-bit type holds, or that a reader may print in another way."""
    yield from (f'{{"n":{n}}}' for n in ("0", "-0", "-0.0", "1.0", "1E0", "1e-0", "0.1", "1e23", "5e-324", "1e400", "-1e-400"))
    yield from (f'{{"n":{n}}}' for n in (2**53 + 1, 2**63 - 1, -(2**63), 2**63, 2**64 - 1, 2**64, 10**40))
    yield from (f'{{"n":{n}}}' for n in ("3." + "14159" * 50, "9" * 1_000, "1" + "0" * 400 + ".5", "1.7976931348623157e308"))


def strings():
    """Characters that end lines, fields or texts elsewhere, and lengths near the limit of a record."""
    yield from ('{"s":"\\u0000"}', '{"s":"a\\u0000b\\u0000"}', '{"s":"\\u0001\\u001f\\u007f"}', '{"s":"\x7f\u0085\u2028\u2029"}')
    yield from ('{"s":"\\ufeff\\ufffe\\uffff"}', '{"s":"\ufeff\ufffd"}', '{"s":"😀 \\ud83d\\ude00 \U0010ffff"}', '{"s":"\u202e\u0301"}')
    yield from ('{"s":"a\\nb\\r\\nc\\rd"}', '{"s":"\\"\\\\\\/\\b\\f\\t"}', '{"s":"\'; DROP TABLE lines; --"}', '{"s":"a,b\\u0001c;d|e"}')
    yield from ('{"s":"NULL"}', '{"s":""}', '{"s":" "}', '{"s":"{\\"a\\":1}"}', '{"s":"2026-11-21T18:39:00Z"}', '{"s":"NaN"}')
    yield from (f'{{"s":"{text}"}}' for text in ("x" * LONG, "ä" * (LONG // 2), "\\n" * (LONG // 2)))


def types():
    """One key with every type, so that no single type of column fits, and the empty containers."""
    yield from (f'{{"v":{v}}}' for v in ("null", "true", "1", "1.5", '"1"', "[]", "{}", '[1,"a",null,{}]', '{"v":1}', "[[],[[]]]"))
    yield from ("{}", '{"a":{},"b":[]}', '{ "a" :\t[ 1 , 2 ] }', '{"v":"2026-11-21"}', '{"v":"0199-7"}')


PAYLOADS = [*deep(), *keys(), *numbers(), *strings(), *types()]
