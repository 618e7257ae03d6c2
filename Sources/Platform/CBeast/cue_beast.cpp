// HTTP/1 parsing by Boost.Beast behind a plain C interface.
#include "cue_beast.h"

#include <boost/beast/http/basic_parser.hpp>
#include <boost/optional.hpp>
#include <cstring> // memchr
#include <memory>  // unique_ptr
#include <new>     // nothrow
#include <vector>

namespace http = boost::beast::http;
using boost::beast::error_code;
using boost::beast::string_view;

namespace {

// What a message leaves behind; outlives the Beast parser, which serves one message.
struct Record {
    uint32_t fields_max;
    std::vector<uint8_t> text;
    std::vector<cue_http_field_t> fields;
    uint32_t method_size = 0, target_size = 0;
    int minor_version = 0, status = 0, error = 0;
    bool is_head_done = false;
    const char *piece = nullptr;
    size_t piece_size = 0;
    const char *input = nullptr; // the bytes being parsed
    size_t input_size = 0;

    void clear() {
        text.clear();
        fields.clear();
        method_size = target_size = 0;
        minor_version = status = error = 0;
        is_head_done = false;
        piece = nullptr;
        piece_size = 0;
    }

    uint32_t add(string_view part) {
        auto at = static_cast<uint32_t>(text.size());
        text.insert(text.end(), part.begin(), part.end());
        return at;
    }

    void fail(int why, error_code &ec) {
        error = why;
        ec = http::error::bad_field;
    }

    // Beast unfolds: the value then lies in its own buffer, or behind a line end.
    bool is_folded(string_view name, string_view value) const {
        const char *after = name.data() + name.size();
        if (value.data() < after || value.data() > input + input_size)
            return true;
        return memchr(after, '\n', static_cast<size_t>(value.data() - after)) != nullptr;
    }

    void field(string_view name, string_view value, error_code &ec) {
        if (is_folded(name, value))
            return fail(CUE_HTTP_ERROR_FOLD, ec);
        if (is_head_done)
            return; // a trailer: parsed, checked, not kept
        if (fields.size() >= fields_max)
            return fail(CUE_HTTP_ERROR_FIELD_COUNT, ec);
        cue_http_field_t entry;
        entry.name_size = static_cast<uint32_t>(name.size());
        entry.value_size = static_cast<uint32_t>(value.size());
        entry.name_at = add(name);
        entry.value_at = add(value);
        fields.push_back(entry);
    }
};

template <bool isRequest> class Parser final : public http::basic_parser<isRequest> {
  public:
    explicit Parser(Record &record) : record(record) {}

  private:
    Record &record;

    void on_request_impl(http::verb, string_view method, string_view target, int version,
                         error_code &) override {
        record.method_size = static_cast<uint32_t>(method.size());
        record.target_size = static_cast<uint32_t>(target.size());
        record.minor_version = version - 10;
        record.add(method);
        record.add(target);
    }
    void on_response_impl(int code, string_view reason, int version, error_code &) override {
        record.method_size = static_cast<uint32_t>(reason.size());
        record.minor_version = version - 10;
        record.status = code;
        record.add(reason);
    }
    void on_field_impl(http::field, string_view name, string_view value,
                       error_code &ec) override {
        record.field(name, value, ec);
    }
    void on_header_impl(error_code &) override { record.is_head_done = true; }
    void on_body_init_impl(boost::optional<std::uint64_t> const &, error_code &) override {}
    std::size_t on_body_impl(string_view body, error_code &) override {
        record.piece = body.data();
        record.piece_size = body.size();
        return body.size();
    }
    void on_chunk_header_impl(std::uint64_t, string_view, error_code &) override {}
    std::size_t on_chunk_body_impl(std::uint64_t, string_view body, error_code &ec) override {
        return on_body_impl(body, ec);
    }
    void on_finish_impl(error_code &) override {}
};

int reason(error_code ec) {
    if (ec == http::error::header_limit)
        return CUE_HTTP_ERROR_HEAD_SIZE;
    if (ec == http::error::bad_version)
        return CUE_HTTP_ERROR_VERSION;
    if (ec == http::error::bad_content_length || ec == http::error::bad_transfer_encoding ||
        ec == http::error::multiple_content_length)
        return CUE_HTTP_ERROR_LENGTH;
    if (ec == http::error::body_limit)
        return CUE_HTTP_ERROR_BODY_SIZE;
    if (ec == http::error::bad_chunk || ec == http::error::bad_chunk_extension)
        return CUE_HTTP_ERROR_CHUNK;
    if (ec == http::error::partial_message)
        return CUE_HTTP_ERROR_TRUNCATED;
    return CUE_HTTP_ERROR_SYNTAX;
}

template <bool isRequest>
cue_http_event_t feed(Parser<isRequest> &parser, Record &record, const uint8_t *bytes,
                      size_t size) {
    cue_http_event_t event = {CUE_HTTP_MORE, 0, 0, 0, 0, 0};
    record.input = reinterpret_cast<const char *>(bytes);
    record.input_size = size;
    while (event.consumed < size && !parser.is_done()) {
        bool had_head = record.is_head_done;
        record.piece = nullptr;
        error_code ec;
        event.consumed += parser.put(
            boost::asio::const_buffer(bytes + event.consumed, size - event.consumed), ec);
        if (ec == http::error::need_more)
            break;
        if (ec) {
            event.kind = CUE_HTTP_BAD;
            event.error = record.error != 0 ? record.error : reason(ec);
            return event;
        }
        if (!had_head && record.is_head_done) {
            event.kind = CUE_HTTP_HEAD;
            break;
        }
        if (record.piece != nullptr && record.piece_size > 0) {
            event.kind = CUE_HTTP_BODY;
            event.body_at = static_cast<size_t>(record.piece - record.input);
            event.body_size = record.piece_size;
            break;
        }
    }
    event.is_done = parser.is_done();
    return event;
}

} // namespace

struct cue_http_parser {
    bool is_response;
    uint32_t head_max;
    Record record;
    boost::optional<Parser<true>> request;
    boost::optional<Parser<false>> response;

    void reset(bool has_no_body) {
        record.clear();
        if (is_response) {
            response.emplace(record);
            set(*response);
            response->skip(has_no_body);
        } else {
            request.emplace(record);
            set(*request);
        }
    }

    template <class P> void set(P &parser) {
        parser.header_limit(head_max);
        parser.body_limit(boost::none); // whoever reads the body counts
    }
};

cue_http_parser_t *cue_http_parser_create(int is_response, uint32_t head_max,
                                          uint32_t fields_max) {
    try {
        auto parser = std::make_unique<cue_http_parser>();
        parser->is_response = is_response != 0;
        parser->head_max = head_max;
        parser->record.fields_max = fields_max;
        parser->record.fields.reserve(16);
        parser->record.text.reserve(1024);
        parser->reset(false);
        return parser.release();
    } catch (...) {
        return nullptr;
    }
}

void cue_http_parser_destroy(cue_http_parser_t *parser) {
    delete parser;
}

void cue_http_parser_reset(cue_http_parser_t *parser, int has_no_body) {
    parser->reset(has_no_body != 0);
}

void cue_http_parser_limit_chunks(cue_http_parser_t *parser, uint64_t size_max) {
    if (parser->is_response)
        parser->response->body_limit(size_max);
    else
        parser->request->body_limit(size_max);
}

cue_http_event_t cue_http_parser_feed(cue_http_parser_t *parser, const uint8_t *bytes,
                                      size_t size) {
    try {
        return parser->is_response ? feed(*parser->response, parser->record, bytes, size)
                                   : feed(*parser->request, parser->record, bytes, size);
    } catch (...) {
        return {CUE_HTTP_BAD, CUE_HTTP_ERROR_MEMORY, 0, 0, 0, 0};
    }
}

int cue_http_parser_end(cue_http_parser_t *parser) {
    try {
        error_code ec;
        if (parser->is_response) {
            if (!parser->response->got_some())
                return CUE_HTTP_ERROR_TRUNCATED;
            parser->response->put_eof(ec);
        } else {
            if (!parser->request->got_some())
                return CUE_HTTP_ERROR_TRUNCATED;
            parser->request->put_eof(ec);
        }
        return ec ? reason(ec) : 0;
    } catch (...) {
        return CUE_HTTP_ERROR_MEMORY;
    }
}

cue_http_head_t cue_http_parser_head(const cue_http_parser_t *parser) {
    const Record &record = parser->record;
    cue_http_head_t head = {};
    head.text = record.text.data();
    head.text_size = record.text.size();
    head.method_size = record.method_size;
    head.target_size = record.target_size;
    head.fields = record.fields.data();
    head.field_count = record.fields.size();
    head.minor_version = record.minor_version;
    head.status = record.status;
    head.content_length = -1;
    if (!record.is_head_done)
        return head;
    auto fill = [&](auto const &parsed) {
        if (auto length = parsed.content_length())
            head.content_length =
                *length > INT64_MAX ? INT64_MAX : static_cast<int64_t>(*length);
        head.is_chunked = parsed.chunked();
        head.keeps_alive = parsed.keep_alive();
        head.is_upgrade = parsed.upgrade();
    };
    if (parser->is_response)
        fill(*parser->response);
    else
        fill(*parser->request);
    return head;
}
