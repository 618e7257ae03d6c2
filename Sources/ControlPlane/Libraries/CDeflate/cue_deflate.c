// Thin calls into libdeflate; every pointer comes with its size and nothing is kept.
#include "cue_deflate.h"

#include <libdeflate.h> // libdeflate_gzip_decompress_ex, libdeflate_crc32

cue_inflater_t *cue_inflater_make(void) {
    return (cue_inflater_t *)libdeflate_alloc_decompressor();
}

void cue_inflater_free(cue_inflater_t *inflater) {
    libdeflate_free_decompressor((struct libdeflate_decompressor *)inflater);
}

int cue_inflater_gzip(cue_inflater_t *inflater, const void *in, size_t in_size, void *out,
                      size_t out_capacity, size_t *in_used, size_t *out_used) {
    *in_used = 0;
    *out_used = 0;
    enum libdeflate_result result = libdeflate_gzip_decompress_ex(
        (struct libdeflate_decompressor *)inflater, in, in_size, out, out_capacity, in_used,
        out_used);
    if (result == LIBDEFLATE_SUCCESS)
        return CUE_INFLATE_OK;
    *in_used = 0;
    *out_used = 0;
    return result == LIBDEFLATE_INSUFFICIENT_SPACE ? CUE_INFLATE_NO_SPACE : CUE_INFLATE_BAD;
}

size_t cue_gzip_compress(int level, const void *in, size_t in_size, void *out,
                         size_t out_capacity) {
    struct libdeflate_compressor *compressor = libdeflate_alloc_compressor(level);
    if (compressor == NULL)
        return 0;
    size_t size = libdeflate_gzip_compress(compressor, in, in_size, out, out_capacity);
    libdeflate_free_compressor(compressor);
    return size;
}

size_t cue_gzip_bound(size_t in_size) {
    return libdeflate_gzip_compress_bound(NULL, in_size);
}

uint32_t cue_crc32(uint32_t crc, const void *bytes, size_t size) {
    return libdeflate_crc32(crc, bytes, size);
}
