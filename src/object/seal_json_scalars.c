/* Scalars of JSON whose text isn't what is sealed: quantities, times, whole numbers or text, bytes
 * (json_scan.h). */
#include "object/json_scan.h"

#include "object/json.h"
#include "object/scalar.h"
#include "object/typed.h"

bool scan_quantity(struct scan *s)
{
    struct str text;
    return scan_text(s, &text) && write_quantity(s, str_trim(text));
}

bool scan_time(struct scan *s, bool micro)
{
    struct str text;
    int64_t us;
    if (!scan_text(s, &text) || time_parse(text, &us) < 0)
        return false;
    int64_t seconds = us / 1000000 - (us % 1000000 < 0);
    if (seconds == TIME_ZERO_S || (micro && (text.len != 27 || text.data[19] != '.')))
        return false;
    part_write_integer(&s->w, micro ? us : seconds);
    return true;
}

bool scan_int_or_string(struct scan *s)
{
    struct str text;
    int64_t value;
    size_t begun = part_begin(&s->w, 1);
    if (*s->at == '"') {
        if (!scan_text(s, &text))
            return false;
        writer_byte(&s->w, 1);
        writer_bytes(&s->w, text.data, text.len);
    } else {
        if (!scan_integer(s, &value) || value != (int32_t)value)
            return false;
        writer_byte(&s->w, 0);
        writer_integer(&s->w, value);
    }
    part_end(&s->w, begun, 1);
    return true;
}

bool scan_bytes(struct scan *s)
{
    struct str text;
    size_t bad;
    if (!scan_text(s, &text))
        return false;
    size_t begun = part_begin(&s->w, 1);
    ssize_t size =
        json_base64_decode(writer_room(&s->w, json_base64_decoded_max(text.len)), text, &bad);
    if (size < 0)
        return false;
    s->w.len += (size_t)size;
    part_end(&s->w, begun, 1);
    return true;
}
