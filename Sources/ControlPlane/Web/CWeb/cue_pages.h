// Every page, one block each.
// clang-format off
PAGE(index_html) = {
#embed "../Pages/index.html"
};
PAGE(console_js) = {
#embed "../Pages/console.js"
};
PAGE(console_css) = {
#embed "../Pages/console.css"
};
