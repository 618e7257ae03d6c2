// Gzip (RFC 1952) of whole buffers through libdeflate, with hard limits on the output.
#pragma once

#include <stddef.h>
#include <stdint.h>

// Holds the tables of one decompressor (about 12 kB); used by one thread at a time.
typedef struct cue_inflater cue_inflater_t;

enum {
    CUE_INFLATE_OK = 0,
    CUE_INFLATE_BAD = 1,        // not gzip, cut off, or a wrong checksum
    CUE_INFLATE_NO_SPACE = 2,   // the output does not fit into `out_capacity`
};

// Returns NULL when memory is short. The caller frees it.
cue_inflater_t *cue_inflater_make(void);
void cue_inflater_free(cue_inflater_t *inflater);

// Inflates one gzip member at the start of `in`. Writes at most `out_capacity` bytes and tells
// how many bytes were read and written; both are 0 unless the answer is CUE_INFLATE_OK.
int cue_inflater_gzip(cue_inflater_t *inflater, const void *in, size_t in_size, void *out,
                      size_t out_capacity, size_t *in_used, size_t *out_used);

// Compresses with `level` 1 (fast) to 12 (small). Returns the size, or 0 when it does not fit
// into `out_capacity` or memory is short. cue_gzip_bound tells a capacity that always fits.
size_t cue_gzip_compress(int level, const void *in, size_t in_size, void *out,
                         size_t out_capacity);
size_t cue_gzip_bound(size_t in_size);

// The checksum of the gzip trailer; `crc` is 0 for the first piece.
uint32_t cue_crc32(uint32_t crc, const void *bytes, size_t size);
