// Embeds the console's pages. To add one, add its file to Pages and a line to cue_pages.h.
#include "cue_web.h"

#pragma clang diagnostic ignored "-Wc23-extensions" // #embed

#define PAGE(name) static const unsigned char name[]

#include "cue_pages.h"

static const cue_page_t pages[] = {
    {"/index.html", index_html, sizeof index_html},
    {"/console.js", console_js, sizeof console_js},
    {"/console.css", console_css, sizeof console_css},
};

size_t cue_page_count(void) {
    return sizeof pages / sizeof pages[0];
}

cue_page_t cue_page(size_t index) {
    return pages[index];
}
