# The variants of the image:   docker buildx bake [minimal|standard|full]
# Every variable can be given in the environment. docs/deploy/image.md explains them.

variable "IMAGE" {
  default = "studio"
}

variable "VERSION" {
  default = "0.1.0"
}

# The commit that is built, where updates of Studio come from, and which branch or tag of it.
variable "REVISION" {
  default = ""
}

variable "REPO_URL" {
  default = ""
}

variable "REPO_REF" {
  default = "main"
}

# With @sha256:... in a release: its workflow looks the digests up.
variable "BASE_IMAGE" {
  default = "nvidia/cuda:13.0.2-base-ubuntu24.04"
}

variable "DEVEL_IMAGE" {
  default = "nvidia/cuda:13.0.2-devel-ubuntu24.04"
}

variable "BASE_DIGEST" {
  default = ""
}

variable "LLAMA_CUDA" {
  default = "on"
}

group "default" {
  targets = ["minimal"]
}

target "image" {
  platforms = ["linux/amd64"]
  args = {
    BASE_DIGEST = BASE_DIGEST
    BASE_IMAGE  = BASE_IMAGE
    DEVEL_IMAGE = DEVEL_IMAGE
    LLAMA_CUDA  = LLAMA_CUDA
    REPO_REF    = REPO_REF
    REPO_URL    = REPO_URL
    REVISION    = REVISION
    VERSION     = VERSION
  }
}

# ComfyUI as it comes.
target "minimal" {
  inherits = ["image"]
  args     = { VARIANT = "minimal" }
  tags     = ["${IMAGE}:${VERSION}", "${IMAGE}:${VERSION}-minimal"]
}

# With the popular node packs of nodes.lock.
target "standard" {
  inherits = ["image"]
  args     = { VARIANT = "standard" }
  tags     = ["${IMAGE}:${VERSION}-standard"]
}

# With all of them.
target "full" {
  inherits = ["image"]
  args     = { VARIANT = "full" }
  tags     = ["${IMAGE}:${VERSION}-full"]
}
