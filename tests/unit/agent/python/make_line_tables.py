"""Prints golden line tables for line_table_test.cc, one code object a line:

  VERSION FIRST_LINE HEX_TABLE END:LINE END:LINE ...

Each END:LINE says that the bytes up to END, from the END before, are of LINE
(0: none), as the interpreter itself tells (co_lines(), dis.findlinestarts).
Run it by each interpreter in turn:

  for p in ~/.pyenv/versions/3.*/bin/python; do $p make_line_tables.py; done
"""
import dis
import sys
import types

SOURCE = '''
def generator(n):
    for i in range(n):
        if i % 2:
            yield i
        else:
            yield (i,
                   i + 1)

def comprehension(rows):
    return [cell
            for row in rows
            for cell in row
            if cell
            ]

def decorate(*a):
    return lambda f: f

@decorate(
    1,
    2)
def decorated(x,
              y=3):
    try:
        return dict(a=x,
                    b=[y,
                       x],
                    c=generator(x))
    except (KeyError,
            ValueError) as error:
        raise RuntimeError(
            'no') from error
    finally:
        print(x,
              y)

class Ship(object):
    """doc"""
    flag = 1
    def load(self, cargo):
        with open('x') as f, \\
             open('y') as g:
            while cargo:
                cargo -= 1
                if cargo == 3: continue
                if cargo == 2: break
            else:
                return (f
                        .read()
                        .strip())
        return lambda: (cargo,
                        self)

async def sail(port):
    async with port as p:
        async for wave in p:
            await wave
    return {k: v
            for k, v in
            port.items()}

def far(x):
    a = x(1,
''' + '\n' * 300 + '''
          2)
    return (a +
''' + '\n' * 140 + '''
            x(a,
              a))

def wide(x):
    return [''' + ', '.join('x + %d' % i for i in range(300)) + ''']
'''


def ranges(code):
    size = len(code.co_code)
    if hasattr(code, 'co_lines'):
        return [(end, line or 0) for _, end, line in code.co_lines()]
    starts = list(dis.findlinestarts(code))
    ends = [start for start, _ in starts[1:]] + [size]
    return [(end, line) for (_, line), end in zip(starts, ends)]


def walk(code):
    table = getattr(code, 'co_linetable', None)
    if table is None:
        table = code.co_lnotab
    print('%d.%d' % sys.version_info[:2], code.co_firstlineno,
          table.hex() or '-',
          ' '.join('%d:%d' % r for r in ranges(code)))
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            walk(constant)


walk(compile(SOURCE, 'golden.py', 'exec'))
