/* What an API server stands on, for the clients in its own process. */
#include "api/api.h"
#include "api/request.h"

struct store *api_store(struct api *a)
{
    return a->config.store;
}

struct watch_hub *api_hub(struct api *a)
{
    return a->config.hub;
}
