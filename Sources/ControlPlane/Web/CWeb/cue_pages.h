// Every page, one block each.
// clang-format off
PAGE(index_html) = {
#embed "../Pages/index.html"
};
PAGE(icon_svg) = {
#embed "../Pages/icon.svg"
};
PAGE(console_js) = {
#embed "../Pages/console.js"
};
PAGE(console_css) = {
#embed "../Pages/console.css"
};
PAGE(console_api_js) = {
#embed "../Pages/console/api.js"
};
PAGE(console_board_js) = {
#embed "../Pages/console/board.js"
};
PAGE(console_boot_js) = {
#embed "../Pages/console/boot.js"
};
PAGE(console_dom_js) = {
#embed "../Pages/console/dom.js"
};
PAGE(console_faults_js) = {
#embed "../Pages/console/faults.js"
};
PAGE(console_feed_view_js) = {
#embed "../Pages/console/feed-view.js"
};
PAGE(console_feed_js) = {
#embed "../Pages/console/feed.js"
};
PAGE(console_flash_js) = {
#embed "../Pages/console/flash.js"
};
PAGE(console_format_js) = {
#embed "../Pages/console/format.js"
};
PAGE(console_live_js) = {
#embed "../Pages/console/live.js"
};
PAGE(console_operations_js) = {
#embed "../Pages/console/operations.js"
};
PAGE(console_parts_js) = {
#embed "../Pages/console/parts.js"
};
PAGE(console_rule_form_js) = {
#embed "../Pages/console/rule-form.js"
};
PAGE(console_rule_parts_js) = {
#embed "../Pages/console/rule-parts.js"
};
PAGE(console_rule_text_js) = {
#embed "../Pages/console/rule-text.js"
};
PAGE(console_rules_js) = {
#embed "../Pages/console/rules.js"
};
PAGE(console_sequence_form_js) = {
#embed "../Pages/console/sequence-form.js"
};
PAGE(console_sequence_model_js) = {
#embed "../Pages/console/sequence-model.js"
};
PAGE(console_sequence_steps_js) = {
#embed "../Pages/console/sequence-steps.js"
};
PAGE(console_sequence_text_js) = {
#embed "../Pages/console/sequence-text.js"
};
PAGE(console_sequences_js) = {
#embed "../Pages/console/sequences.js"
};
PAGE(console_sign_in_js) = {
#embed "../Pages/console/sign-in.js"
};
PAGE(console_stage_js) = {
#embed "../Pages/console/stage.js"
};
PAGE(console_stop_js) = {
#embed "../Pages/console/stop.js"
};
PAGE(console_storage_js) = {
#embed "../Pages/console/storage.js"
};
PAGE(console_stream_js) = {
#embed "../Pages/console/stream.js"
};
PAGE(console_trace_js) = {
#embed "../Pages/console/trace.js"
};
PAGE(console_workspace_js) = {
#embed "../Pages/console/workspace.js"
};
