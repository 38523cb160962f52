"""The test images of Linnet's data set `noise:CxHxW:CLASSES`: bytes of ChaCha8, seeded with 3 as `rand` does it."""

import numpy as np

SEED = 3
ROUNDS = 8
M32, M64 = (1 << 32) - 1, (1 << 64) - 1


def key(seed):
    """rand_core's seed_from_u64: eight words of PCG32."""
    words = []
    for _ in range(8):
        seed = (seed * 6364136223846793005 + 11634580027462260723) & M64
        mixed = (((seed >> 18) ^ seed) >> 27) & M32
        turn = seed >> 59
        words.append(((mixed >> turn) | (mixed << (-turn % 32))) & M32)
    return words


def stream(seed, count):
    """The first `count` bytes of the generator."""
    blocks = -(-count // 64)
    start = np.zeros((16, blocks), np.uint32)
    start[:4] = np.array([0x61707865, 0x3320646E, 0x79622D32, 0x6B206574], np.uint32)[:, None]
    start[4:12] = np.array(key(seed), np.uint32)[:, None]
    start[12] = np.arange(blocks)
    s = start.copy()

    def turned(x, by):
        return (x << np.uint32(by)) | (x >> np.uint32(32 - by))

    def quarter(a, b, c, d):
        s[a] += s[b]
        s[d] = turned(s[d] ^ s[a], 16)
        s[c] += s[d]
        s[b] = turned(s[b] ^ s[c], 12)
        s[a] += s[b]
        s[d] = turned(s[d] ^ s[a], 8)
        s[c] += s[d]
        s[b] = turned(s[b] ^ s[c], 7)

    for _ in range(ROUNDS // 2):
        for i in range(4):
            quarter(i, 4 + i, 8 + i, 12 + i)
        for i in range(4):
            quarter(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4)
    return (s + start).T.astype("<u4").tobytes()[:count]


def images(shape, count):
    """The first `count` images of shape (channels, rows, columns), in 0 to 1."""
    size = int(np.prod(shape))
    values = np.frombuffer(stream(SEED, count * size), np.uint8)
    return values.astype(np.float32).reshape(count, *shape) / np.float32(255)
