# SPDX-License-Identifier: GPL-2.0
"""
The ledgers of `make fuzz-hours`: for how long each target was fuzzed with each engine, and whether that still says something of the code at head.

A row is (target, engine, code): processor seconds, inputs, findings, and the day and commit of the last run that added to it. The code is a hash of
all sources and headers of the tree that the target is compiled from, and of its compiler flags, without comments and space: so a sentence
in a comment leaves the hours as they are, and any other change begins them anew. Rows of code that is no more are kept, as history.

It may read the tree and run the compiler to learn of headers; it writes the ledgers only.
"""
import ctypes, fcntl, glob, hashlib, os, re, resource, subprocess, time

ENGINES = ('libfuzzer', 'afl')
NAMES = {'libfuzzer': 'libFuzzer', 'afl': 'AFL++'}
# What a stranger reaches first comes first: a guest's rings, a peer's messages, a client's lines, files, a user's own words.
DEVICES = sorted(os.path.basename(os.path.dirname(os.path.dirname(mk))) for mk in glob.glob(os.path.join(os.path.dirname(__file__), '../../devices/*/tests/fuzz.mk')))
ORDER = ['vq', *DEVICES, *'ipc frontend control recording elf mmio options policy'.split()]
GOAL = 3600
HEAD = '# %-10s %-10s %-12s %10s %15s %8s  %-10s %s' % ('target', 'engine', 'code', 'seconds', 'inputs', 'findings', 'day', 'commit')
TOKENS = re.compile(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|(?:\s|//[^\n]*|/\*.*?\*/)+', re.S)


def plain(source):
    """C source without comments, and with one space where there were some."""
    return TOKENS.sub(lambda m: m.group() if m.group()[0] in '"\'' else ' ', source).strip()


def code(root, line):
    """The hash of what a target is compiled from; @line is its compiler's arguments."""
    words = line.split()
    if '-o' in words:
        del words[words.index('-o'):words.index('-o') + 2]
    flags = [w for w in words if not w.startswith('-l')]
    said = subprocess.run(['clang', '-MM', '-MT', 'x', *flags], cwd=root, stdout=subprocess.PIPE, text=True, check=True).stdout
    files = sorted({os.path.relpath(os.path.join(root, f), root) for f in said.replace('\\\n', ' ').split() if f != 'x:'} - {'build/include/version.h'})
    h = hashlib.sha256(' '.join(w for w in words if w.startswith('-')).encode())
    for f in files:
        h.update(('\n%s\n' % f).encode() + plain(open(os.path.join(root, f)).read()).encode())
    return h.hexdigest()[:12]


def read(path):
    """{(target, engine, code): [seconds, inputs, findings, day, commit]}"""
    rows = {}
    for n, text in enumerate(open(path) if os.path.exists(path) else [], 1):
        w = text.split('#')[0].split()
        if not w:
            continue
        if len(w) != 8 or w[1] not in ENGINES or not all(x.isdigit() for x in w[3:6]):
            raise ValueError('%s:%d: not a row of the ledger: %s' % (path, n, text.strip()))
        rows[tuple(w[:3])] = [int(w[3]), int(w[4]), int(w[5]), w[6], w[7]]
    return rows


def read_all(paths):
    """read() of several ledgers"""
    return {key: row for path in paths for key, row in read(path).items()}


def write(path, rows):
    rank = {t: i for i, t in enumerate(ORDER)}
    with open(path + '.new', 'w') as f:
        f.write('# Written by make fuzz-hours (docs/fuzzing.md): processor seconds of each target and engine. A row counts for the code that it names.\n' + HEAD + '\n')
        for key in sorted(rows, key=lambda k: (rank.get(k[0], len(rank)), k[0], -ENGINES.index(k[1]), rows[k][3], k[2])):
            f.write(('  %-10s %-10s %-12s %10d %15d %8d  %-10s %s' % (*key, *rows[key])).rstrip() + '\n')
    os.replace(path + '.new', path)


def add(path, key, seconds, inputs, found, commit):
    """One run more. The ledger is read again, and its folder is locked: another run may write meanwhile."""
    folder = os.open(os.path.dirname(path), os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        rows = read(path)
        old = rows.get(key, [0, 0, 0])
        rows[key] = [old[0] + seconds, old[1] + inputs, old[2] + found, time.strftime('%Y-%m-%d', time.gmtime()), commit]
        write(path, rows)
    finally:
        os.close(folder)


def order(targets):
    return [t for t in ORDER if t in targets] + sorted(set(targets) - set(ORDER))


def next_pair(rows, codes, round_seconds):
    """The pair to run next: in rounds of @round_seconds of a processor, so that all have had some before one has all; None: each has its hour."""
    held = {(t, e): rows.get((t, e, c), [0])[0] for t, c in codes.items() for e in ENGINES}
    open_pairs = [p for p in held if held[p] < GOAL]
    rank = {t: i for i, t in enumerate(order(codes))}
    return min(open_pairs, key=lambda p: (held[p] // round_seconds, rank[p[0]], ENGINES.index(p[1])), default=None)


def table(rows, codes):
    """What holds for the code at head, as lines; and whether that is an hour of each pair without a finding."""
    lines, whole, total = [], True, 0
    for t in order(codes):
        parts = []
        for e in ENGINES:
            seconds, inputs, found = rows.get((t, e, codes[t]), [0, 0, 0])[:3]
            total += min(seconds, GOAL)
            whole = whole and seconds >= GOAL and not found
            parts.append('%s %4d s, %s inputs%s' % (NAMES[e], seconds, format(inputs, ','), ', %d FOUND' % found if found else ''))
        lines.append('  %-10s %s  %s' % (t, parts[0].ljust(38), parts[1]))
    pairs = len(codes) * len(ENGINES)
    lines.append('fuzz hours: %.1f of %d processor hours hold for the code at head%s' % (total / 3600, pairs * GOAL // 3600, ', nothing found' if whole else ''))
    return lines, whole


def take_orphans():
    """Who is left behind by what we start is ours from then on, to be ended and waited for."""
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)	# PR_SET_CHILD_SUBREAPER


class Processor:
    """Processor time of everything started below, orphans included."""

    def __enter__(self):
        take_orphans()
        self.before = self.now()
        return self

    @staticmethod
    def now():
        u = resource.getrusage(resource.RUSAGE_CHILDREN)
        return u.ru_utime + u.ru_stime

    def __exit__(self, *_):
        until = time.time() + 60
        while time.time() < until:
            try:
                if os.waitpid(-1, os.WNOHANG) == (0, 0):
                    time.sleep(0.05)
            except ChildProcessError:
                break
        self.seconds = self.now() - self.before
