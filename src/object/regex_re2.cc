#include <re2/re2.h>

#include <cstdio>

#include "object/regex.h"

/* The only file that knows RE2. */

struct regex {
    RE2 *expression;
};

/* Where Go says it otherwise. */
static const char *error_text(const RE2 &expression)
{
    switch (expression.error_code()) {
    case RE2::ErrorMissingBracket: return "missing closing ]";
    case RE2::ErrorMissingParen: return "missing closing )";
    case RE2::ErrorTrailingBackslash: return "trailing backslash at end of expression";
    case RE2::ErrorRepeatArgument: return "missing argument to repetition operator";
    case RE2::ErrorRepeatSize: return "invalid repeat count";
    case RE2::ErrorRepeatOp: return "invalid nested repetition operator";
    case RE2::ErrorBadCharClass: return "invalid character class";
    case RE2::ErrorBadCharRange: return "invalid character class range";
    case RE2::ErrorBadEscape: return "invalid escape sequence";
    case RE2::ErrorBadPerlOp: return "invalid or unsupported Perl syntax";
    case RE2::ErrorBadUTF8: return "invalid UTF-8";
    case RE2::ErrorBadNamedCapture: return "invalid named capture";
    case RE2::ErrorPatternTooLarge: return "expression too large";
    default: return "unexpected )";
    }
}

struct regex *regex_new(const char *pattern, size_t pattern_len, char *error, size_t error_size)
{
    RE2::Options options;
    options.set_log_errors(false);
    RE2 *expression = new RE2(re2::StringPiece(pattern, pattern_len), options);
    if (!expression->ok()) {
        std::snprintf(error, error_size, "error parsing regexp: %s: `%s`", error_text(*expression),
                      expression->error_arg().c_str());
        delete expression;
        return nullptr;
    }
    return new regex{expression};
}

bool regex_matches(const struct regex *r, const char *text, size_t text_len)
{
    return RE2::PartialMatch(re2::StringPiece(text, text_len), *r->expression);
}

void regex_free(struct regex *r)
{
    if (!r)
        return;
    delete r->expression;
    delete r;
}
