variable "project" {
  description = "The Google Cloud project."
  type        = string
}

variable "region" {
  description = "Where everything is, for example europe-west4."
  type        = string
}

variable "image" {
  description = "The service image, REGION-docker.pkg.dev/PROJECT/baton/baton:VERSION."
  type        = string
}

variable "stable_revision" {
  description = "While an image is a canary: the revision that keeps all requests but canary_percent. Null: none is."
  type        = string
  default     = null
}

variable "canary_percent" {
  description = "The canary's share of requests, in percent."
  type        = number
  default     = 5

  validation {
    condition     = var.canary_percent >= 0 && var.canary_percent <= 100
    error_message = "A share is between 0 and 100 percent."
  }
}

variable "callers" {
  description = "Who may send requests, for example [\"serviceAccount:web@PROJECT.iam.gserviceaccount.com\"]."
  type        = list(string)
  default     = []
}

variable "secrets" {
  description = "More environment variables from Secret Manager: name of the variable to id of a secret that exists."
  type        = map(string)
  default     = {}
}

variable "database_tier" {
  description = "Machine type of Cloud SQL."
  type        = string
  default     = "db-custom-2-7680"
}

variable "min_instances" {
  description = "Instances that are always there. With 0, runs that were left wait for the next request."
  type        = number
  default     = 1
}

variable "max_instances" {
  description = "The most instances at a time."
  type        = number
  default     = 10
}

variable "deletion_protection" {
  description = "Refuse to destroy the database and the service."
  type        = bool
  default     = true
}
