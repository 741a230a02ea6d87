# Studio, ComfyUI and llama.cpp for NVIDIA GPUs. docs/deploy/image.md explains the arguments;
# `docker buildx bake` builds the variants.
# The base without CUDA's libraries: PyTorch's packages bring the same ones, of the same CUDA.
ARG BASE_IMAGE=nvidia/cuda:13.0.2-base-ubuntu24.04
ARG DEVEL_IMAGE=nvidia/cuda:13.0.2-devel-ubuntu24.04
ARG LLAMA_CUDA=on


# uv, for the stages below; it is not part of the image.
FROM ${BASE_IMAGE} AS uv
ARG DEBIAN_FRONTEND=noninteractive
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates python3.12 python3.12-venv \
    && rm -rf /var/lib/apt/lists/*
COPY image/locks/uv.lock /build/
RUN python3.12 -m venv /opt/uv \
    && /opt/uv/bin/python -m pip install --no-cache-dir --no-deps --require-hashes \
        --requirement /build/uv.lock


# llama.cpp's server, with CUDA or without. Only the chosen one of these two is built.
FROM ${DEVEL_IMAGE} AS llama-on
ARG LLAMA_CUDA_ARCHITECTURES=75-real;80-real;86-real;89-real;90-real;100-real;120-real
ENV LLAMA_CMAKE="-DGGML_NATIVE=OFF -DGGML_CUDA=ON -DCMAKE_CUDA_ARCHITECTURES=${LLAMA_CUDA_ARCHITECTURES}"

FROM ${BASE_IMAGE} AS llama-off
ENV LLAMA_CMAKE="-DGGML_NATIVE=OFF"

FROM llama-${LLAMA_CUDA} AS llama
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
ARG LLAMA_BUILD_JOBS=
ARG DEBIAN_FRONTEND=noninteractive
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt \
    UV_NO_CACHE=1 \
    VIRTUAL_ENV=/opt/venv/llama
RUN apt-get update \
    && apt-get install --yes --no-install-recommends \
        ca-certificates g++ make python3.12 python3.12-dev python3.12-venv \
    && rm -rf /var/lib/apt/lists/*
COPY image/locks/llama.lock image/locks/llama-build.lock /build/
# It is compiled by the tools of a lock, not by what its build would fetch; they leave again.
RUN --mount=from=uv,source=/opt/uv,target=/opt/uv \
    export PATH="${VIRTUAL_ENV}/bin:/opt/uv/bin:${PATH}" \
        CMAKE_ARGS="${LLAMA_CMAKE}" \
        CMAKE_BUILD_PARALLEL_LEVEL="${LLAMA_BUILD_JOBS:-$(nproc)}" \
    && uv venv --python python3.12 "${VIRTUAL_ENV}" \
    && uv pip install --require-hashes --no-deps --only-binary :all: \
        --requirement /build/llama-build.lock \
    && uv pip install --require-hashes --no-deps --no-build-isolation \
        --requirement /build/llama.lock \
    && uv pip sync --require-hashes /build/llama.lock \
    && cd "${VIRTUAL_ENV}/lib/python3.12/site-packages" \
    # A wheel has no links: each library came six times, under three names in two folders.
    && rm -r include lib \
    && for library in llama_cpp/lib/lib*.so.*.*.*; do \
        for name in "${library%.*.*}" "${library%%.so.*}.so"; do \
            ln --force --symbolic "${library##*/}" "${name}"; \
        done; \
    done


FROM ${BASE_IMAGE} AS studio
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
ARG VARIANT=minimal
ARG COMFYUI_REPO=https://github.com/Comfy-Org/ComfyUI
# ComfyUI v0.33.0. A commit cannot be moved, as a tag can.
ARG COMFYUI_REF=2f35f4a08176d993cded35dac3332be4f7287f41
ARG TORCH_LOCK=image/locks/torch.lock
ARG COMFYUI_LOCK=image/locks/comfyui-${VARIANT}.lock
ARG DEBIAN_FRONTEND=noninteractive
# git, and openssh for signatures: updates and node packs. gcc and Python's headers: Triton compiles
# its launchers at run time.
# libgomp1: what llama.cpp and some packages compute with.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends \
        ca-certificates fonts-dejavu-core gcc git libc6-dev libgomp1 openssh-client \
        python3.12 python3.12-dev python3.12-venv tini tzdata \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 studio \
    && groupadd --gid 10002 engine \
    && useradd --uid 10001 --gid studio --groups engine --no-create-home \
        --home-dir /workspace/studio --shell /usr/sbin/nologin studio \
    && useradd --uid 10002 --gid engine --no-create-home \
        --home-dir /workspace/engine --shell /usr/sbin/nologin engine \
    # Whoever the container runs as makes /run/studio; a tmpfs of Docker's has this mode, too.
    && chmod 1777 /run \
    && mkdir --parents /opt/venv /workspace

# What is largest and changes least comes first. Byte code is written now, since nobody who runs
# here may write it later, and is not checked against times, which a rebuild changes.
COPY ${TORCH_LOCK} /build/torch.lock
RUN --mount=from=uv,source=/opt/uv,target=/opt/uv \
    export SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt UV_NO_CACHE=1 UV_COMPILE_BYTECODE=1 \
        PYC_INVALIDATION_MODE=UNCHECKED_HASH VIRTUAL_ENV=/opt/venv/comfyui \
    && /opt/uv/bin/uv venv --python python3.12 "${VIRTUAL_ENV}" \
    && /opt/uv/bin/uv pip install --require-hashes --no-deps --only-binary :all: \
        --requirement /build/torch.lock \
    # Where llama.cpp and node packs find CUDA's libraries: there is one of each.
    && find /opt/venv/comfyui -type d -path '*/nvidia/*/lib' > /etc/ld.so.conf.d/torch.conf \
    && ldconfig
COPY ${COMFYUI_LOCK} /build/comfyui.lock
# Some packages of node packs come as source alone, so the other variants bring compilers along
# for as long as this step takes.
RUN --mount=from=uv,source=/opt/uv,target=/opt/uv \
    export SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt UV_NO_CACHE=1 UV_COMPILE_BYTECODE=1 \
        PYC_INVALIDATION_MODE=UNCHECKED_HASH VIRTUAL_ENV=/opt/venv/comfyui \
    && if [[ "${VARIANT}" == minimal ]]; then \
        /opt/uv/bin/uv pip install --require-hashes --no-deps --only-binary :all: \
            --requirement /build/comfyui.lock; \
    else \
        apt-get update \
        && apt-get install --yes --no-install-recommends cmake g++ make \
        && /opt/uv/bin/uv pip install --require-hashes --no-deps --requirement /build/comfyui.lock \
        && apt-get purge --yes --auto-remove cmake g++ make \
        && rm -rf /var/lib/apt/lists/*; \
    fi
WORKDIR /opt/comfyui
RUN git init --quiet . \
    && git fetch --quiet --depth 1 "${COMFYUI_REPO}" "${COMFYUI_REF}" \
    && git checkout --quiet --detach FETCH_HEAD \
    && git rev-parse HEAD > .commit \
    && rm -rf .git .github tests tests-unit \
    && python3.12 -m compileall -q --invalidation-mode unchecked-hash /opt/comfyui

COPY --from=llama /opt/venv/llama /opt/venv/llama
# Compiled for another CUDA than PyTorch's it would find nothing. libcuda comes with the driver.
RUN if find /opt/venv/llama -name '*.so*' -exec ldd {} + | grep 'not found' | grep -v libcuda.so.1; \
    then exit 1; fi

COPY nodes.lock image/install_nodes.py /build/
# Packs may hold files that are no Python for this version; ComfyUI says so when it loads them.
RUN python3.12 /build/install_nodes.py /build/nodes.lock "${VARIANT}" /opt/comfyui/custom_nodes \
    && (python3.12 -m compileall -q --invalidation-mode unchecked-hash /opt/comfyui/custom_nodes \
        || true) \
    && install -D --mode 0644 /build/nodes.lock /opt/comfyui/nodes.lock

# Studio's own environment keeps pip: it installs node packs into the volume. And it keeps the list
# of what is in it, for the doctor.
COPY requirements.lock /opt/venv/studio/
RUN --mount=from=uv,source=/opt/uv,target=/opt/uv \
    export SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt UV_NO_CACHE=1 UV_COMPILE_BYTECODE=1 \
        PYC_INVALIDATION_MODE=UNCHECKED_HASH VIRTUAL_ENV=/opt/venv/studio \
    && python3.12 -m venv "${VIRTUAL_ENV}" \
    && /opt/uv/bin/uv pip install --require-hashes --no-deps --only-binary :all: \
        --requirement "${VIRTUAL_ENV}/requirements.lock" \
    && rm -r /build
COPY LICENSE bootstrap.py start.sh version.json /opt/studio/
COPY image/allowed_signers image/healthcheck.py /opt/studio/image/
# Updates must be signed where there is somebody to sign them.
RUN grep --extended-regexp --quiet '^[[:space:]]*[^#[:space:]]' /opt/studio/image/allowed_signers \
    || rm /opt/studio/image/allowed_signers
COPY boot /opt/studio/boot
COPY catalogs /opt/studio/catalogs
COPY frontend /opt/studio/frontend
COPY studio /opt/studio/studio
COPY workflows /opt/studio/workflows
# uv leaves files that everybody may write.
RUN python3.12 -m compileall -q --invalidation-mode unchecked-hash /opt/studio/boot \
        /opt/studio/studio \
    && rm /opt/venv/*/.lock

ARG VERSION=0.1.0
ARG REVISION=
# When REVISION was committed; Docker's own argument, taken from the environment of the build.
ARG SOURCE_DATE_EPOCH=
ARG BASE_IMAGE
ARG BASE_DIGEST=
ARG REPO_URL=
ARG REPO_REF=main
# RUNTIME_VERSION rises when Studio needs something of the image that older images lack. USER is for
# whoever --user names: such a user has no name of its own, and PyTorch asks for one.
ENV RUNTIME_VERSION=1 \
    REPO_URL=${REPO_URL} \
    REPO_REF=${REPO_REF} \
    STUDIO_COMMIT=${REVISION} \
    STUDIO_COMMITTED_AT=${SOURCE_DATE_EPOCH} \
    STUDIO_IMAGE=1 \
    STUDIO_VENV=/opt/venv/studio \
    COMFYUI_DIR=/opt/comfyui \
    COMFYUI_PYTHON=/opt/venv/comfyui/bin/python \
    NVIDIA_VISIBLE_DEVICES=all \
    USER=studio \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility,video \
    PYTHONDONTWRITEBYTECODE=1 \
    LANG=C.UTF-8
LABEL org.opencontainers.image.title="Studio" \
      org.opencontainers.image.description="The self-hosted studio for ComfyUI" \
      org.opencontainers.image.licenses="Apache-2.0 AND GPL-3.0-only" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${REPO_URL}" \
      org.opencontainers.image.base.name="${BASE_IMAGE}" \
      org.opencontainers.image.base.digest="${BASE_DIGEST}" \
      studio.variant="${VARIANT}" \
      studio.comfyui.ref="${COMFYUI_REF}" \
      studio.runtime-version="1"

WORKDIR /opt/studio
VOLUME /workspace
EXPOSE 8000 8001
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --start-interval=1s --retries=3 \
    CMD ["/opt/venv/studio/bin/python", "-I", "/opt/studio/image/healthcheck.py"]
# -s: whoever adds an init of their own (docker run --init) does no harm.
ENTRYPOINT ["/usr/bin/tini", "-s", "--", "/opt/studio/start.sh"]
