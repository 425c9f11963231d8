#include "object/emit.h"

#include "object/json.h"

void emit_grow(struct emitter *e, size_t extra)
{
    emit_sync(e);
    buf_reserve(e->out, MAX(extra, (size_t)1024));
    emit_load(e);
}

/* A text with escapes: whole vectors up to each of them. */
void emit_hard_text(struct emitter *e, const char *data, size_t len, bool html)
{
    emit_room(e, len * 6 + 2);
    char *to = e->at;
    *to++ = '"';
    for (size_t i = 0; i < len;) {
        size_t left = len - i;
        bytes16 v = left >= 16 ? bytes16_load(data + i) : bytes16_load_part(data + i, left);
        unsigned special = bytes16_escapes(v) | (left < 16 ? 1u << left : 0);
        size_t plain = special ? (size_t)__builtin_ctz(special) : 16;
        bytes16_store(to, v);
        to += plain;
        i += plain;
        if (!special || i == len)
            continue;
        char c = data[i];
        if (likely(c == '"')) { /* of keys in sets of managedFields */
            *to++ = '\\';
            *to++ = c;
            i++;
        } else if (!html && (c == '<' || c == '>' || c == '&')) {
            *to++ = c;
            i++;
        } else {
            to = json_escape(to, data, len, &i);
        }
    }
    *to++ = '"';
    e->at = to;
}

void emit_fields_set(struct emitter *e, const uint8_t *p, const uint8_t *end, bool html)
{
    struct part text, below;
    char before = '{';
    if (p == end) {
        emit_put(e, "{}", 2);
        return;
    }
    for (; p < end; before = ',') {
        emit_room(e, WORD_BYTES_MAX + 16);
        *e->at++ = before;
        uint8_t head = *p++;
        if (head >= FIELDS_WORD) {
            memcpy(e->at, "\"f:", 3);
            e->at += 3;
            emit_word(e, (unsigned)((head - FIELDS_WORD) << 8 | *p++));
            memcpy(e->at, "\":", 2);
            e->at += 2;
        } else if (head == FIELDS_SELF) {
            memcpy(e->at, "\".\":", 4);
            e->at += 4;
        } else {
            p = part_read(p, &text);
            emit_hard_text(e, (const char *)text.data, text.size, html);
            emit_put(e, ":", 1);
        }
        if (*p == 0) {
            emit_room(e, 2);
            memcpy(e->at, "{}", 2);
            e->at += 2;
            p++;
            continue;
        }
        p = part_read(p, &below);
        emit_fields_set(e, below.data, below.data + below.size, html);
    }
    emit_put(e, "}", 1);
}
