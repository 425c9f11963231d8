/* Respond: from a finished request to bytes on the wire. Internal to api/. */
#ifndef API_RESPOND_H
#define API_RESPOND_H

#include "api/request.h"

/* Answers what the request made: result, reply, raw text or a document; waits until what it shows
 * is durable. */
enum step_result respond(struct request *r);
/* Calls fn(r) once everything that r shows is durable: at once or later. */
enum step_result respond_when_durable(struct request *r, void (*fn)(struct request *r));
void respond_status(struct request *r, const struct status *st);
/* Gives an encoded document to be answered by respond; takes the buffer over. */
void respond_document_later(struct request *r, struct buf *document);
/* Whether the client takes an answer of GZIP_MIN_BYTES or more packed: then its headers say so. */
bool respond_packed(struct request *r) must_use;
/* Head of an answer in parts. */
void respond_stream_begin(struct request *r, const char *content_type);
/* A text answer made by the endpoint; text in the arena or static. */
void respond_text_later(struct request *r, const char *content_type, struct str text);

#endif
