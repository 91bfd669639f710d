/*
 * word: eight bytes of a text at a time.
 *
 * For searches that mostly find nothing. A test gives a word of marks: the top bit
 * of every byte for which it holds. In "byte - limit" a byte below the limit borrows
 * and so sets its top bit; "& ~word" drops bytes from 0x80 on, which have it anyway.
 * The borrow also reaches the next byte, which may then be marked wrongly, so that
 * only the first mark of a word can be relied on; tests may be combined with |.
 */
#ifndef BASE_WORD_H
#define BASE_WORD_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define WORD_REPEAT(byte) (UINT64_C(0x0101010101010101) * (byte))

enum { WORD_BYTES = 8 };

/* The eight bytes at `p`, aligned or not, the first one lowest. */
static inline uint64_t
word_load(const char *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
	return le64toh(word);
}

/* Marks bytes below `limit`, which is at most 0x80. */
static inline uint64_t
word_below(uint64_t word, unsigned char limit)
{
	return (word - WORD_REPEAT(limit)) & ~word & WORD_REPEAT(0x80);
}

/* Marks bytes that are `byte`. */
static inline uint64_t
word_equal(uint64_t word, unsigned char byte)
{
	return word_below(word ^ WORD_REPEAT(byte), 1);
}

/* Which byte the first mark is at; `marks` is not 0. */
static inline size_t
word_first(uint64_t marks)
{
	return (size_t)__builtin_ctzll(marks) / 8;
}

#endif
