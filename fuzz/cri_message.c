/* Answers of the container runtime: decoded as several messages; what was decoded goes out and
 * comes back the same. */
#include "node/cri_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum cri_message types[] = {
        CRI_ContainerStatusResponse, CRI_ListPodSandboxResponse, CRI_ListImagesResponse,
        CRI_CreateContainerRequest,  CRI_EventEnvelope,          CRI_ExecSyncResponse};
    for (size_t i = 0; i < ARRAY_COUNT(types); i++) {
        struct arena a = ARENA_INIT;
        struct node *first, *second;
        struct buf bytes = BUF_INIT;
        if (cri_decode(&a, types[i], (struct str){(const char *)data, size}, &first) == 0) {
            struct buf again = BUF_INIT;
            cri_encode(&bytes, types[i], first);
            if (cri_decode(&a, types[i], buf_str(&bytes), &second) < 0)
                abort();
            cri_encode(&again, types[i], second);
            if (!str_equal(buf_str(&bytes), buf_str(&again)))
                abort();
            buf_release(&again);
        }
        buf_release(&bytes);
        arena_release(&a);
    }
    return 0;
}
