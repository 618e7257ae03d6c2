// Embeds the console's pages. To add one, add its file to Pages and a line to cue_pages.h.
#include "cue_web.h"

#pragma clang diagnostic ignored "-Wc23-extensions" // #embed

#define PAGE(name) static const unsigned char name[]

#include "cue_pages.h"

static const cue_page_t pages[] = {
    {"/index.html", index_html, sizeof index_html},
    {"/icon.svg", icon_svg, sizeof icon_svg},
    {"/console.js", console_js, sizeof console_js},
    {"/console.css", console_css, sizeof console_css},
    {"/console/api.js", console_api_js, sizeof console_api_js},
    {"/console/board.js", console_board_js, sizeof console_board_js},
    {"/console/boot.js", console_boot_js, sizeof console_boot_js},
    {"/console/dom.js", console_dom_js, sizeof console_dom_js},
    {"/console/faults.js", console_faults_js, sizeof console_faults_js},
    {"/console/feed-view.js", console_feed_view_js, sizeof console_feed_view_js},
    {"/console/feed.js", console_feed_js, sizeof console_feed_js},
    {"/console/flash.js", console_flash_js, sizeof console_flash_js},
    {"/console/format.js", console_format_js, sizeof console_format_js},
    {"/console/live.js", console_live_js, sizeof console_live_js},
    {"/console/operations.js", console_operations_js, sizeof console_operations_js},
    {"/console/parts.js", console_parts_js, sizeof console_parts_js},
    {"/console/rule-form.js", console_rule_form_js, sizeof console_rule_form_js},
    {"/console/rule-parts.js", console_rule_parts_js, sizeof console_rule_parts_js},
    {"/console/rule-text.js", console_rule_text_js, sizeof console_rule_text_js},
    {"/console/rules.js", console_rules_js, sizeof console_rules_js},
    {"/console/sequence-form.js", console_sequence_form_js, sizeof console_sequence_form_js},
    {"/console/sequence-model.js", console_sequence_model_js, sizeof console_sequence_model_js},
    {"/console/sequence-steps.js", console_sequence_steps_js, sizeof console_sequence_steps_js},
    {"/console/sequence-text.js", console_sequence_text_js, sizeof console_sequence_text_js},
    {"/console/sequences.js", console_sequences_js, sizeof console_sequences_js},
    {"/console/sign-in.js", console_sign_in_js, sizeof console_sign_in_js},
    {"/console/stage.js", console_stage_js, sizeof console_stage_js},
    {"/console/stop.js", console_stop_js, sizeof console_stop_js},
    {"/console/storage.js", console_storage_js, sizeof console_storage_js},
    {"/console/stream.js", console_stream_js, sizeof console_stream_js},
    {"/console/trace.js", console_trace_js, sizeof console_trace_js},
    {"/console/workspace.js", console_workspace_js, sizeof console_workspace_js},
};

size_t cue_page_count(void) {
    return sizeof pages / sizeof pages[0];
}

cue_page_t cue_page(size_t index) {
    return pages[index];
}
