/* What API servers send in protobuf, taken apart without being decoded: the frames and events of
 * watches, and the items of lists. All results are borrowed from the bytes given.
 *
 * A watch is a row of frames (the original's LengthDelimitedFramer and raw serializer):
 *     OFFSET SIZE MEANING
 *          0    4 length of what follows, big endian
 *          4      metav1.WatchEvent: 1 type (text), 2 object (RawExtension: 1 raw, a document)
 * A document is "k8s\0", then runtime.Unknown: 1 typeMeta (1 apiVersion, 2 kind), 2 raw (the
 * message). The message of a list is 1 metadata (ListMeta: 2 resourceVersion), 2 items, each a raw
 * message. */
#ifndef CLIENT_REMOTE_PROTO_H
#define CLIENT_REMOTE_PROTO_H

#include "base/str.h"

struct proto_event {
    struct str type;     /* "ADDED" */
    struct str document; /* in its envelope */
};
/* Takes the next event off *bytes. 1; 0: its end hasn't come yet; -EBADMSG: it is none;
 * -EMSGSIZE: it is longer than LIMIT_WATCH_EVENT_BYTES. */
int proto_next_event(struct str *bytes, struct proto_event *ret) must_use;

struct proto_list {
    struct str kind;      /* "PodList" */
    uint64_t revision;    /* 0: none was given */
    struct str remaining; /* of the message */
};
/* 0, or -EBADMSG: it is none, from here to its end. */
int proto_list_open(struct str document, struct proto_list *ret) must_use;
bool proto_list_next(struct proto_list *list, struct str *ret_item); /* false: that was all */

#endif
