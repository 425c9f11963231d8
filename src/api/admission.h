/* Admission of requests: what the plugins of admit/ are asked, and what they said. */
#ifndef API_ADMISSION_H
#define API_ADMISSION_H

#include "admit/admit.h"
#include "api/request.h"

/* What plugins are to be asked of a request; object: what is to be stored, NULL for a deletion. The
 * options of the request were read before. In the request's arena. */
struct admission *admission_new(struct request *r, enum admit_operation operation,
                                struct node *object);
/* Passes the plugins' warnings on, once. */
void admission_tell(struct request *r, struct admission *ad);
/* Asks all plugins, for changes and then for their verdict. 0, or -1 with the request's status. */
int admission_judge(struct request *r, struct admission *ad) must_use;
/* Of what is asked for and not stored, bindings, evictions, requests for tokens: lets the plugins
 * change or refuse the body of a subresource that is created. 0 or -1, as above. */
int admission_judge_body(struct request *r, struct node *body) must_use;

#endif
